"""Texts that name groups, as numbers: the different ones in order, and which of them each is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def coded(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The different texts, sorted, and each text's place among them [texts].

    Not by numpy, which gives every text the room of the longest one and forgets NULs at its end.
    """
    names = sorted(set(texts))
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([place[text] for text in texts], dtype=np.int64)
