"""Intervals for a proportion and for the difference of two paired proportions.

Closed forms instead of the bootstrap, because if none of 50 items changed, the bootstrap concludes that nothing ever
changes: its interval is [0, 0]. These intervals show how much change the sample may have missed.

Sample sizes need not be whole numbers: clustered items enter with their effective number (see `effective_n`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

if TYPE_CHECKING:
    from numpy.typing import NDArray


def quantile_of_normal(level: float) -> float:
    """The z for which a standard normal variable lies within [-z, z] with probability ``level``."""
    return float(scipy.special.ndtri((1 + level) / 2))


def binomial_quantile(q: float, n: int, p: float) -> int:
    """The q-quantile of a binomial variable: the smallest count that it does not exceed with probability q or more."""
    count = int(np.ceil(scipy.special.bdtrik(q, n, p)))
    # The inverse rounds; one less may be enough.
    return count - 1 if count > 0 and scipy.special.bdtr(count - 1, n, p) >= q else count


def wilson(share: float, n: float, *, level: float) -> tuple[float, float]:
    """Wilson's score interval (1927) for a proportion, observed as ``share`` of ``n``."""
    z2 = quantile_of_normal(level) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low = 0.0 if share == 0 else max(0.0, float(centre - half))
    high = 1.0 if share == 1 else min(1.0, float(centre + half))
    return low, high


def tango(gains: float, losses: float, n: float, *, level: float) -> tuple[float, float]:
    """Tango's score interval (1998) for (gains - losses) / n of n pairs: all values that its score test accepts."""
    z = quantile_of_normal(level)
    estimate = (gains - losses) / n

    def excess(delta: float) -> float:
        """|score| - z at this difference; the interval's ends are its roots."""
        # Restricted maximum likelihood of the losses' probability q21 given the difference delta.
        b = -gains - losses + (2 * n - gains + losses) * delta
        c = -losses * delta * (1 - delta)
        q21 = (np.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        variance = n * (2 * q21 + delta * (1 - delta))
        if variance <= 0:
            return -z if gains - losses == n * delta else np.inf
        return float(abs(gains - losses - n * delta) / np.sqrt(variance) - z)

    def end(edge: float) -> float:
        if edge == estimate or excess(edge) <= 0:
            return edge
        return float(scipy.optimize.brentq(excess, estimate, edge, xtol=1e-12))

    return end(-1.0), end(1.0)


def effective_n(x: NDArray[np.float64], unit: NDArray[np.int64] | None, *, level: float) -> float:
    """How many independent items a share over clustered items is worth (Korn and Graubard 1998).

    ``x`` [items]; ``unit`` [items] is the cluster of each item, None when items are independent. The design effect is
    the clustered variance over the independent one; it is never taken below 1, and Student's t replaces the normal.
    Where nothing varies, a cluster counts as one item. How rare values cluster shows only in the clusters that contain
    them: Student's t counts these (at most all but one), and the fewer they are, the fewer items the sample is worth,
    but no fewer than where nothing varies.
    """
    n = len(x)
    if unit is None:
        return float(n)
    clusters = int(unit.max()) + 1
    if clusters < 2:
        return 1.0
    telling = max(1, int(np.count_nonzero(np.bincount(unit[x != np.median(x)]))))
    worth = n / design_effect(x, unit)
    if telling < clusters:
        worth = min(worth, clusters * telling / (1 - telling / clusters))
    return max(
        1.0,
        worth * _student(min(telling, clusters - 1), level),
        min(worth, clusters) * _student(clusters - 1, level),
    )


def _student(freedom: int, level: float) -> float:
    """What one item is worth when the variance is estimated with this many degrees of freedom."""
    return float(quantile_of_normal(level) / scipy.special.stdtrit(freedom, (1 + level) / 2)) ** 2


def design_effect(x: NDArray[np.float64], unit: NDArray[np.int64]) -> float:
    """How many times larger clustering makes the variance of the mean of ``x`` [items]; never below 1.

    ``unit`` [items] is the cluster of each item. Where nothing varies, the items of a cluster count as one.
    """
    ratio = variance_ratio(x, unit)
    return len(x) / (int(unit.max()) + 1) if ratio is None else max(1.0, ratio)


def variance_ratio(x: NDArray[np.float64], unit: NDArray[np.int64]) -> float | None:
    """The variance of the mean of ``x`` [items] estimated from clusters, over that estimated from independent items.

    ``unit`` [items] is the cluster of each item. Below 1 where clusters are more similar than by chance. None where
    nothing varies, or there is only one cluster.
    """
    clusters = int(unit.max()) + 1
    centred = x - x.mean()
    independent = float(centred @ centred)
    if independent == 0 or clusters < 2:
        return None
    sums = np.bincount(unit, weights=centred, minlength=clusters)
    return float(sums @ sums) * clusters / (clusters - 1) / independent
