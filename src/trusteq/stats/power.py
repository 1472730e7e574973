"""How many items an undecided question would need, and which margins this many items can certify."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import scipy

from trusteq.stats.proportions import quantile_of_normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.stats.estimate import Estimate

POWER = 0.8


def items_to_decide(estimate: Estimate, low: float | None, high: float | None) -> int | None:
    """About how many items would decide an open question with 80 % power, if the value stayed as it is.

    None when the value lies on a margin, where no number of items would be enough.
    """
    gaps = [(abs(end - estimate.value), _reach(estimate, end)) for end in (low, high) if end is not None]
    # A value within rounding of a margin lies on it too.
    if not gaps or any(gap <= 1e-6 * reach for gap, reach in gaps):
        return None
    inside = (low is None or estimate.value > low) and (high is None or estimate.value < high)
    if not inside:
        # The interval need only clear the margin that the value has crossed, which is the nearer one.
        gaps = [min(gaps)]
    gaps = [(gap, reach) for gap, reach in gaps if reach > 0]
    if not gaps:
        return None
    if at_bound(estimate):
        return math.ceil(max(_itemsat_bound(estimate, *g) for g in gaps))
    needed = max(_items(estimate, *g, POWER) for g in gaps)
    if len(gaps) > 1:
        # Every margin must be cleared at once: the chances of missing one add up.
        most = max(_items(estimate, *g, (1 + POWER) / 2) for g in gaps)
        needed = scipy.optimize.brentq(
            lambda n: _chance_inside(estimate, gaps, n) - POWER, 0.999 * needed, 1.001 * most
        )
    return math.ceil(needed)


def detectable_margin(estimate: Estimate, *, two_sided: bool = False) -> float:
    """The smallest margin that this many items certify with 80 % power when there is in fact no difference."""
    half = max(estimate.high - estimate.value, estimate.value - estimate.low)
    power = (1 + POWER) / 2 if two_sided else POWER
    return half if at_bound(estimate) else half * _power_factor(estimate.level, power)


def _reach(estimate: Estimate, end: float) -> float:
    """The interval's half-length towards a margin."""
    return estimate.high - estimate.value if end > estimate.value else estimate.value - estimate.low


def _items(estimate: Estimate, gap: float, reach: float, power: float) -> float:
    """Items needed to clear one margin with this power."""
    return estimate.n * (reach / gap * _power_factor(estimate.level, power)) ** 2


def _chance_inside(estimate: Estimate, gaps: Sequence[tuple[float, float]], n: float) -> float:
    """The chance that an interval from n items clears all margins."""
    z = quantile_of_normal(estimate.level)
    missed = sum(scipy.special.ndtr(z - z * gap / reach * math.sqrt(n / estimate.n)) for gap, reach in gaps)
    return float(1 - missed)


def _itemsat_bound(estimate: Estimate, gap: float, reach: float) -> float:
    """Items for which Wilson's far end, z^2 / (n + z^2) away, meets the margin; grows about as reach / gap."""
    return estimate.n * reach / gap * ((1 - gap) / (1 - reach) if gap < 1 and reach < 1 else 1.0)


def at_bound(estimate: Estimate) -> bool:
    """Whether the share is 0 or 1: then the interval's far end approaches as 1 / n instead of 1 / root(n)."""
    return estimate.value == estimate.low == 0.0 or estimate.value == estimate.high == 1.0


def _power_factor(level: float, power: float) -> float:
    z = quantile_of_normal(level)
    return float((z + scipy.special.ndtri(power)) / z)
