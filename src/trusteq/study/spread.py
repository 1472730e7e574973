"""How far a study's numbers vary from one training to the next, and how far with the items they were measured on."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import scipy.special

from trusteq.stats.estimate import LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.stats.estimate import Estimate


def between_seeds(values: Sequence[float], *, level: float = LEVEL) -> tuple[float, float, float]:
    """The standard deviation of a number between trainings on the same items, with its interval for normal numbers.

    What items have in common from one training to the next is no part of it.
    """
    spread, freedom = float(np.std(values, ddof=1)), len(values) - 1
    low, high = (float(np.sqrt(freedom / scipy.special.chdtri(freedom, (1 + s * level) / 2))) for s in (-1, 1))
    return spread, spread * low, spread * high


def over_items(estimates: Sequence[Estimate]) -> float:
    """The standard error over items of one training's number: what the widths of the intervals stand for."""
    errors = ((e.high - e.low) / (2 * float(scipy.special.ndtri((1 + e.level) / 2))) for e in estimates)
    return float(fmean(error * error for error in errors) ** 0.5)
