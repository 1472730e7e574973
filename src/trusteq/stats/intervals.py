"""Intervals from bootstrap draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

if TYPE_CHECKING:
    from numpy.typing import NDArray


FAR = 1e9
"""A number of standard errors, farther than any bound."""


def bca(
    value: float, draws: NDArray[np.float64], influence: NDArray[np.float64], *, level: float
) -> tuple[float, float]:
    """Efron's bias-corrected and accelerated interval (1987), for smooth functions of means.

    ``draws`` [resamples]; ``influence`` [units] of each unit on the value; its skewness gives the acceleration.
    """
    spread = float(np.abs(draws - value).max(initial=0.0))
    if spread == 0:
        return value, value
    below = (np.count_nonzero(draws < value) + np.count_nonzero(draws == value) / 2) / len(draws)
    if not 0 < below < 1:
        return basic(value, draws, level=level)
    z0 = scipy.special.ndtri(below)
    squares = float(influence @ influence)
    cubes = float((influence**3).sum())
    acceleration = cubes / (6 * squares**1.5) if squares > 0 else 0.0
    z = z0 + scipy.special.ndtri(np.array([1 - level, 1 + level]) / 2)
    low, high = np.quantile(draws, scipy.special.ndtr(z0 + z / (1 - acceleration * z)))
    # If there are few draws, all may lie on one side.
    return min(float(low), value), max(float(high), value)


def studentised(
    value: float, error: float, draws: NDArray[np.float64], errors: NDArray[np.float64], *, level: float
) -> tuple[float, float]:
    """Efron's bootstrap-t interval, from how many of *its own* standard errors each draw lies away from the value.

    For skewed estimates, which depend on few items. A sample that misses some of these is off to one side and has a
    small standard error: draws that miss them show by how many standard errors. ``error`` is the value's standard
    error, ``errors`` [resamples] those of the draws.
    """
    if error == 0:
        return value, value
    away = draws - value
    # A draw without any spread has no standard error to be measured in.
    t = np.divide(away, errors, out=np.where(away == 0, 0.0, np.copysign(FAR, away)), where=errors > 0)
    upper, lower = np.quantile(np.clip(t, -FAR, FAR), [(1 + level) / 2, (1 - level) / 2])
    return min(value - float(upper) * error, value), max(value - float(lower) * error, value)


def basic(value: float, draws: NDArray[np.float64], *, level: float) -> tuple[float, float]:
    """The basic interval: the draws' quantiles mirrored at the value, which it always contains.

    For estimators that are biased upward, as binned calibration errors are: a resample exceeds the sample as the
    sample exceeds the truth, so mirroring removes the bias, where the percentile interval would double it.
    """
    upper, lower = np.quantile(draws, [(1 + level) / 2, (1 - level) / 2])
    return min(float(2 * value - upper), value), max(float(2 * value - lower), value)


def percentile(value: float, draws: NDArray[np.float64], *, level: float) -> tuple[float, float]:
    """The percentile interval: the draws' own quantiles; it always contains the value."""
    lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return min(float(lower), value), max(float(upper), value)


def wider(value: float, draws: NDArray[np.float64], *, level: float) -> tuple[float, float]:
    """The interval from the lower to the upper end of the basic and percentile intervals taken together.

    For estimators whose upward bias depends on the unknown truth: a calibration error has all of the bias that the
    resamples show if a model is calibrated, and none if it errs to one side. The truth lies between.
    """
    lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return min(float(lower), float(2 * value - upper), value), max(float(upper), float(2 * value - lower), value)


def largest_sum(parts: NDArray[np.float64], *, chance: float) -> float:
    """What the expected sum of these parts exceeds with at most about this chance, where few of them may be large.

    The gamma interval of weighted Poisson counts (Fay and Feuer 1997): each part is an event that might have occurred
    more often, and one more as large as the largest is added. Parts are mostly positive; noise may turn some negative.
    """
    largest = float(parts.max(initial=0.0))
    if largest <= 0:
        return max(float(parts.sum()), 0.0)
    total, squares = max(float(parts.sum()), 0.0) + largest, float(parts @ parts) + largest**2
    return squares / total * float(scipy.special.gammainccinv(total**2 / squares, chance))
