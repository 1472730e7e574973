"""How many items would decide, and which margins this many can certify."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scipy import special

from trusteq.stats.proportions import quantile_of_normal

if TYPE_CHECKING:
    from trusteq.stats.estimate import Estimate

POWER = 0.8


def items_to_decide(estimate: Estimate, low: float | None, high: float | None) -> int | None:
    """About how many items would settle an open question, were the value to stay as it is, with 80 % power.

    None when the value lies on a margin, where no number of items would do.
    """
    gaps = [(abs(end - estimate.value), _reach(estimate, end)) for end in (low, high) if end is not None]
    if not gaps or any(gap == 0 for gap, _ in gaps):
        return None
    inside = (low is None or estimate.value > low) and (high is None or estimate.value < high)
    # Inside, every margin must be cleared; outside, the one that was crossed.
    crossed = [g for g in gaps if g[1] > 0]
    wanted = max(_items(estimate, *g) for g in crossed) if inside else min(_items(estimate, *g) for g in crossed)
    return math.ceil(wanted)


def detectable_margin(estimate: Estimate) -> float:
    """The smallest margin that this many items certify with 80 % power when there is truly no difference."""
    half = max(estimate.high - estimate.value, estimate.value - estimate.low)
    return half if _from_nothing(estimate) else half * _power_factor(estimate.level)


def _reach(estimate: Estimate, end: float) -> float:
    """The interval's half-length towards a margin."""
    return estimate.high - estimate.value if end > estimate.value else estimate.value - estimate.low


def _items(estimate: Estimate, gap: float, reach: float) -> float:
    if _from_nothing(estimate):
        return estimate.n * reach / gap
    return estimate.n * (reach / gap * _power_factor(estimate.level)) ** 2


def _from_nothing(estimate: Estimate) -> bool:
    """Whether nothing of the kind was seen at all: then the upper end falls as 1 / n, not as its root."""
    return estimate.value == estimate.low == 0.0


def _power_factor(level: float) -> float:
    z = quantile_of_normal(level)
    return float((z + special.ndtri(POWER)) / z)
