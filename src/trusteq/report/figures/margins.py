"""One scale for the margins of different measures: 0 is no difference, 1 the margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.comparing.measures import ANY, find_measure

if TYPE_CHECKING:
    from trusteq.policy import Rule
    from trusteq.stats.estimate import Estimate


@dataclass(frozen=True)
class MarginScale:
    """A measure's values in margins: ``offset + slope * value``; acceptable from ``low`` to ``high``.

    A value that only has to be small enough, or large enough, has no lower limit: below 0 it is better than equal.
    """

    offset: float
    slope: float
    low: float
    high: float

    def of(self, estimate: Estimate) -> tuple[float, float, float]:
        """Low end, value and high end of the estimate on this scale."""
        low, high = sorted(self.offset + self.slope * end for end in (estimate.low, estimate.high))
        return low, self.offset + self.slope * estimate.value, high


def margin_scale(measure: str, rule: Rule, estimate: Estimate) -> MarginScale:
    """The scale on which the rule's margin is 1, or both of its margins are -1 and 1.

    A margin of width 0 (no significant difference from 0) has no such scale: there the estimate's farther end is 1, and
    only 0 is acceptable.
    """
    low, high = rule.at_least, rule.at_most
    if low is not None and high is not None:
        middle, half = (low + high) / 2, (high - low) / 2
        unit = half or _half_width(estimate, middle)
        return MarginScale(-middle / unit, 1 / unit, -float(half > 0), float(half > 0))
    margin, sign = (low, -1.0) if low is not None else (high, 1.0)
    assert margin is not None  # noqa: S101 - a rule has a margin
    unit = abs(margin - _best(measure, at_least=low is not None)) or _half_width(estimate, margin)
    return MarginScale(1 - sign * margin / unit, sign / unit, -math.inf, 1.0)


def _best(measure: str, *, at_least: bool) -> float:
    """The value of a candidate that is just like the reference, or else the best possible value."""
    entry = find_measure(measure)
    if entry is not None and entry.best is not None:
        return entry.best
    low, high = ANY if entry is None else entry.bounds
    best, fallback = (high, 1.0) if at_least else (low, 0.0)
    return best if math.isfinite(best) else fallback


def _half_width(estimate: Estimate, centre: float) -> float:
    """The distance of the interval's farther end from the centre; 1 where that is 0."""
    return max(abs(estimate.low - centre), abs(estimate.high - centre)) or 1.0
