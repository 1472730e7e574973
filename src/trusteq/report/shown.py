"""What the models read, in words: how an item of each kind of segment is shown where there is only text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trusteq.data.segment import Segment

MOST_NUMBERS = 16


def numbers(value: Any) -> str:
    """The first numbers of an array, and how many there are."""
    flat = np.ravel(value)
    shape = " x ".join(map(str, np.shape(value)))
    first = " ".join(str(one) for one in flat[:MOST_NUMBERS].tolist())
    return f"{first} … ({shape} {flat.dtype})" if len(flat) > MOST_NUMBERS else first


SHOWN: dict[str, Callable[[Any], str]] = {
    "text": str,
    "array": numbers,
}
"""By kind of segment, the words for one value; of a kind that is not here only its name is shown."""


def shown(segment: Segment, at: Iterable[int]) -> list[str]:
    """The words for the values at these positions."""
    words = SHOWN.get(segment.kind, lambda _: segment.kind)
    return [words(segment[i]) for i in at]
