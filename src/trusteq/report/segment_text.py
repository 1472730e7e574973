"""A segment as text: how values of each kind are put in a line; how they are drawn is in `trusteq.report.drawn`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trusteq.data.segment import Segment

MOST_NUMBERS = 16


def numbers(value: Any) -> str:
    """The first numbers of an array, and its shape where there are more."""
    flat = np.ravel(value)
    shape = " x ".join(map(str, np.shape(value)))
    first = " ".join(str(number) for number in flat[:MOST_NUMBERS].tolist())
    return f"{first} … ({shape} {flat.dtype})" if len(flat) > MOST_NUMBERS else first


def size(picture: Any) -> str:
    """The size of a picture in pixels."""
    return "picture of {} x {} pixels".format(*picture.size)


AS_TEXT: dict[str, Callable[[Any], str]] = {
    "text": str,
    "array": numbers,
    "sound": lambda sound: f"sound of {sound.size / sound.rate:.2f} s at {sound.rate:,} Hz",
    "features": lambda frames: "features of {:,} frames, {:,} coefficients each".format(*frames.shape),
    "picture": size,
    "row": str,
}
"""By kind of segment, the text that shows one value; a kind that is not listed is shown by its name."""


def segment_texts(segment: Segment, positions: Iterable[int]) -> list[str]:
    """The texts that show the values at these positions."""
    as_text = AS_TEXT.get(segment.kind, lambda _: segment.kind)
    return [as_text(segment[i]) for i in positions]
