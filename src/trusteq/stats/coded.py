"""Group names as integer codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def coded(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct texts, sorted, and each text's position among them [texts].

    Not by numpy, which pads every text to the length of the longest and drops trailing NULs.
    """
    names = sorted(set(texts))
    codes = {name: code for code, name in enumerate(names)}
    return names, np.array([codes[text] for text in texts], dtype=np.int64)
