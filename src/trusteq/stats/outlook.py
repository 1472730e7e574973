"""What more items are likely to show of a question that these items leave open.

The audit would be made again with new items beside the present ones, so what is known stays known. How it ends then
depends on the true value. Two answers are given: the true value may be the estimate (conditional power at the
estimate), or it may be anything that the interval leaves possible (averaged: predictive power).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy

from trusteq.stats.number import Number, Positive, Share  # noqa: TC001 - read where a record is
from trusteq.stats.power import at_bound
from trusteq.stats.proportions import quantile_of_normal, wilson

if TYPE_CHECKING:
    from trusteq.stats.estimate import Estimate

MOST_TIMES, MOST_ITEMS = 10, 10_000
"""How many times the present items can be expected of anybody to collect, and how many items, if that is more."""

HORIZONS = (2, 4)
"""How many times the present items chances are told for."""

DIGITS = 3
"""Decimal places of a chance: no more are meant, and processors agree on these."""


@dataclass(frozen=True)
class Chances:
    """How likely so many items in all are to put the interval within the margin, or beyond it.

    The rest is the chance that they leave it undecided. ``..._at_estimate``: if the estimate is the true value;
    otherwise averaged over what the interval leaves possible.
    """

    items: Positive
    within: Share
    beyond: Share
    within_at_estimate: Share
    beyond_at_estimate: Share

    @property
    def undecided(self) -> float:
        """The chance that nothing is decided."""
        return max(0.0, 1 - self.within - self.beyond)


@dataclass(frozen=True)
class Outlook:
    """Which way an open question leans, and how more items are likely to answer it.

    leans: where the estimate lies; None on the margin itself. within: the chance that the true value lies within the
    margin; None if unknown. certified: the smallest margin that the present interval lies within: the limit itself, or
    where there are two, its distance from their middle. step: whether more items are likely to decide, or only a
    person can. chances: by number of items, the smallest first.
    """

    leans: Literal["within", "beyond"] | None
    within: Share | None
    certified: Number
    step: Literal["more items", "a decision"]
    chances: tuple[Chances, ...]


def outlook(
    estimate: Estimate,
    low: float | None,
    high: float | None,
    needed: int | None,
    *,
    least_within: float = 0.0,
    least_beyond: float = 0.0,
) -> Outlook:
    """The outlook on an estimate against margins that ``needed`` items would decide (None: no number of items).

    With fewer than ``least_within`` items nothing is taken to lie within the margin, with fewer than ``least_beyond``
    nothing beyond it.
    """
    n = estimate.n
    most = max(MOST_TIMES * n, MOST_ITEMS, math.ceil(max(least_within, least_beyond)))
    decides = needed is not None and needed <= most
    numbers = {*(times * n for times in HORIZONS), needed if decides and needed is not None else most}
    told = []
    for items in sorted(number for number in numbers if number > n):
        both = [chances(estimate, low, high, items, averaged=averaged) for averaged in (True, False)]
        if any(pair is None for pair in both):
            continue
        (within, beyond), (certain_within, certain_beyond) = (pair for pair in both if pair is not None)
        enough_within, enough_beyond = items >= least_within, items >= least_beyond
        told.append(
            Chances(
                items,
                _rounded(within * enough_within),
                _rounded(beyond * enough_beyond),
                _rounded(certain_within * enough_within),
                _rounded(certain_beyond * enough_beyond),
            )
        )
    ultimately = chances(estimate, low, high, math.inf, averaged=True)
    return Outlook(
        _leaning(estimate, low, high),
        None if ultimately is None else _rounded(ultimately[0]),
        certified_margin(estimate, low, high),
        "more items" if decides else "a decision",
        tuple(told),
    )


def chances(
    estimate: Estimate, low: float | None, high: float | None, items: float, *, averaged: bool
) -> tuple[float, float] | None:
    """The chances that the interval of so many items lies within the margins, and beyond them; None if unknown.

    Intervals shrink with the root of the number of items, and their skewness with the number itself. Averaged, the true
    value lies around the estimate as the interval says: half of its chance below and half above, and beyond each end
    what the level leaves there.
    """
    share = estimate.n / items
    if at_bound(estimate):
        return _chances_at_bound(estimate, low, high, items, averaged=averaged)
    z = quantile_of_normal(estimate.level)
    below, above = estimate.value - estimate.low, estimate.high - estimate.value
    half, skew = (above + below) / 2 * math.sqrt(share), (above - below) / 2 * share
    down, up = half - skew, half + skew

    def falls_below(end: float) -> float:
        unknown = (below if end < estimate.value else above) * (1 - share) if averaged else 0.0
        side = math.hypot(unknown, half * math.sqrt(1 - share)) / z
        return float(scipy.special.ndtr((end - estimate.value) / side)) if side > 0 else float(end > estimate.value)

    highest = 1.0 if high is None else falls_below(high - up)
    lowest = 0.0 if low is None else falls_below(low + down)
    too_high = 0.0 if high is None else 1 - falls_below(high + down)
    too_low = 0.0 if low is None else falls_below(low - up)
    return max(0.0, highest - lowest), too_high + too_low


def certified_margin(estimate: Estimate, low: float | None, high: float | None) -> float:
    """The smallest margin that the interval lies within: a limit, or the distance of both from their middle."""
    if low is not None and high is not None:
        middle = (low + high) / 2
        return max(estimate.high - middle, middle - estimate.low)
    return estimate.high if high is not None else estimate.low


def chance(share: float) -> str:
    """A chance in whole percents; never 0% or 100%, which nothing is known to be."""
    if share < 0.005:
        return "<1%"
    return ">99%" if share > 0.995 else f"{share:.0%}"


def _chances_at_bound(
    estimate: Estimate, low: float | None, high: float | None, items: float, *, averaged: bool
) -> tuple[float, float] | None:
    """The same for an event that never or always happened, by how often it may fail to in the new items.

    The interval is Wilson's of a number of independent items, m. If nothing but these is known of the event, its true
    share has the distribution Beta(1, m), and its count in new items the beta-binomial one.
    """
    reach = max(estimate.high - estimate.value, estimate.value - estimate.low)
    if not 0 < reach < 1:
        return None
    if estimate.value == 1:
        low, high = None if high is None else 1 - high, None if low is None else 1 - low
    seen = quantile_of_normal(estimate.level) ** 2 * (1 / reach - 1)
    if math.isinf(items):
        least, most = (0.0 if low is None else max(0.0, low)), (1.0 if high is None else min(1.0, high))
        within = (1 - least) ** seen - (1 - most) ** seen if averaged else float(least == 0)
        return max(0.0, within), 1 - max(0.0, within)
    total = seen * items / estimate.n
    new = max(0, round(total - seen))
    counts = range(new + 1)

    def as_many(count: int) -> float:
        """The chance of so many events in the new items, or more."""
        if count == 0 or not averaged:
            return float(count == 0)
        if count > new:
            return 0.0
        logs = scipy.special.gammaln([new + 1, new - count + 1, new + seen + 1, new + seen - count + 1])
        return float(np.exp(logs[0] - logs[1] - logs[2] + logs[3]))

    def start(count: int) -> float:
        return wilson(count / total, total, level=estimate.level)[0]

    def end(count: int) -> float:
        return wilson(count / total, total, level=estimate.level)[1]

    within = 1.0 if low is None else as_many(bisect_left(counts, low, key=start))
    within -= 0.0 if high is None else as_many(bisect_right(counts, high, key=end))
    beyond = 0.0 if low is None else 1 - as_many(bisect_left(counts, low, key=end))
    beyond += 0.0 if high is None else as_many(bisect_right(counts, high, key=start))
    return max(0.0, within), beyond


def _leaning(estimate: Estimate, low: float | None, high: float | None) -> Literal["within", "beyond"] | None:
    size = max(estimate.high - estimate.low, 0.0)
    if any(end is not None and abs(end - estimate.value) <= 1e-6 * size for end in (low, high)):
        return None
    inside = (low is None or estimate.value > low) and (high is None or estimate.value < high)
    return "within" if inside else "beyond"


def _rounded(chance: float) -> float:
    return round(min(1.0, max(0.0, chance)), DIGITS)
