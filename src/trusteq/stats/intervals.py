"""Intervals from bootstrap draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray


FAR = 1e9
"""Standard errors: farther than any bound."""


def bca(
    value: float, draws: NDArray[np.float64], influence: NDArray[np.float64], *, level: float
) -> tuple[float, float]:
    """Efron's bias-corrected and accelerated interval (1987), for smooth functions of means.

    ``draws`` [resamples]; ``influence`` [units] is each unit's pull on the value, whose skewness is the acceleration.
    """
    spread = float(np.abs(draws - value).max(initial=0.0))
    if spread == 0:
        return value, value
    below = (np.count_nonzero(draws < value) + np.count_nonzero(draws == value) / 2) / len(draws)
    if not 0 < below < 1:
        return basic(value, draws, level=level)
    z0 = special.ndtri(below)
    squares = float(influence @ influence)
    cubes = float((influence**3).sum())
    acceleration = cubes / (6 * squares**1.5) if squares > 0 else 0.0
    z = z0 + special.ndtri(np.array([1 - level, 1 + level]) / 2)
    low, high = np.quantile(draws, special.ndtr(z0 + z / (1 - acceleration * z)))
    # A few draws may all lie to one side.
    return min(float(low), value), max(float(high), value)


def studentised(
    value: float, error: float, draws: NDArray[np.float64], errors: NDArray[np.float64], *, level: float
) -> tuple[float, float]:
    """Efron's bootstrap-t interval: how many of *its own* standard errors each draw lies from the value.

    For skewed estimates, where what matters sits in few items. A sample that has missed some of them comes out on one
    side, and thinks itself sure: draws that miss them show by how many errors such a sample is off. ``error`` is the
    value's standard error, ``errors`` [resamples] each draw's.
    """
    if error == 0:
        return value, value
    away = draws - value
    # A draw without any spread of its own knows nothing of how far off it is.
    t = np.divide(away, errors, out=np.where(away == 0, 0.0, np.copysign(FAR, away)), where=errors > 0)
    upper, lower = np.quantile(np.clip(t, -FAR, FAR), [(1 + level) / 2, (1 - level) / 2])
    return min(value - float(upper) * error, value), max(value - float(lower) * error, value)


def basic(value: float, draws: NDArray[np.float64], *, level: float) -> tuple[float, float]:
    """The basic interval: the draws' quantiles mirrored at the value, which it always holds.

    For estimators that are biased upward, as binned calibration errors are: a resample exceeds the sample as the
    sample exceeds the truth, so mirroring takes the bias out, where the percentile interval would double it.
    """
    upper, lower = np.quantile(draws, [(1 + level) / 2, (1 - level) / 2])
    return min(float(2 * value - upper), value), max(float(2 * value - lower), value)


def percentile(value: float, draws: NDArray[np.float64], *, level: float) -> tuple[float, float]:
    """The percentile interval: the draws' own quantiles; it always holds the value."""
    lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return min(float(lower), value), max(float(upper), value)


def wider(value: float, draws: NDArray[np.float64], *, level: float) -> tuple[float, float]:
    """From the lower of the basic and percentile intervals' ends to the upper.

    For estimators whose upward bias depends on the unknown truth: a calibration error has all of the bias that the
    resamples show where a model is calibrated, and none where it errs to one side. The truth lies between.
    """
    ends = basic(value, draws, level=level), percentile(value, draws, level=level)
    return min(low for low, _ in ends), max(high for _, high in ends)
