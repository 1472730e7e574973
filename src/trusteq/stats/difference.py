"""Differences between two models' figures, in which rounding does not count as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUNDING = 2.0**-46
"""What a sum in double precision may be off by, relative to its terms: 64 units in the last place."""


def minus(candidate: Any, reference: Any, *, terms: float = 0.0) -> NDArray[np.float64]:
    """Candidate minus reference, exactly 0 where they differ by rounding alone.

    terms: the size of what the figures were computed from, where that is larger than they are.
    """
    gap = np.asarray(candidate) - np.asarray(reference)
    size = np.maximum(np.maximum(np.abs(candidate), np.abs(reference)), terms)
    return np.where(np.abs(gap) < ROUNDING * size, 0.0, gap)
