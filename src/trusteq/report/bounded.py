"""Estimates as they are printed where only possible values may stand.

With few items an interval by Student's t, or of the basic bootstrap, can reach beyond what a measure can be: a Jaccard
index of 1.05. What lies beyond is impossible, so leaving it out does not change how often the interval is right. The
stored interval stays as it was computed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trusteq.comparing.measures import find_measure

if TYPE_CHECKING:
    from trusteq.stats.estimate import Estimate

SHARE = (0.0, 1.0)
"""The bounds of a share, such as a Jaccard index."""


def bounded(estimate: Estimate | None, bounds: tuple[float, float] | str) -> Estimate | None:
    """The estimate with its interval cut at these bounds, or at those of the measure of this name; None stays."""
    if isinstance(bounds, str):
        measure = find_measure(bounds)
        if measure is None:
            return estimate
        bounds = measure.bounds
    if estimate is None:
        return None
    low, high = bounds
    return replace(estimate, low=min(max(estimate.low, low), high), high=max(min(estimate.high, high), low))
