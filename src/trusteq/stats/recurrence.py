"""Tests for copies: whether values repeat more than independent draws from any one distribution can.

A model with few different answers gives the same answer to many items, and that is no fault. Copies show in how often
each value occurs, without any assumption about how likely the values are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALPHA = 1e-5
"""Chance that each test reports copies where there are none."""
FACTORS = range(2, 31)
"""Numbers of copies of everything that are tested for."""
ENOUGH = 20
"""Degrees of freedom below which a table can show no difference by chance alone."""


def copied(counts: NDArray[np.int64], n: int) -> bool:
    """Whether ``counts`` [values], how often each value occurs in ``n`` draws, cannot come from independent draws."""
    return _uneven(counts, n) or _divisible(counts, n)


def _uneven(counts: NDArray[np.int64], n: int) -> bool:
    """Whether far more values occur j times than the numbers that occur j - 1 and j + 1 times allow.

    With F_j values that occur j times, F_j / binom(n, j) is on average sum p^j (1 - p)^(n - j) over all values, so its
    square is at most the product of its neighbours (Cauchy and Schwarz).
    """
    values = np.bincount(counts, minlength=2)
    j = np.flatnonzero(values)
    j = j[(j >= 2) & (j < n)]
    padded = np.append(values, 0)
    # By chance the neighbours may be low, and the number itself high.
    below, above = (scipy.special.gammaincinv(padded[at] + 1, 1 - ALPHA) for at in (j - 1, j + 1))
    most = np.sqrt(below * above * (n - j + 1) / j * (j + 1) / (n - j))
    return bool((scipy.special.gammainc(values[j], most) < ALPHA).any())


def _divisible(counts: NDArray[np.int64], n: int) -> bool:
    """Whether far more counts are multiples of one number than by chance, as when everything was copied.

    Given that a value occurs at all, its count is even with a chance of at most a half, and a multiple of k with a
    chance of at most 1 / sqrt(2 k), as long as the value is not in most draws.
    """
    rare = counts[counts <= n / 4]
    multiples = np.array([np.count_nonzero(rare % k == 0) for k in FACTORS])
    chance = 1 / np.sqrt(2 * np.array(FACTORS))
    return bool(len(rare) and (scipy.special.bdtrc(multiples - 1, len(rare), chance) < ALPHA)[multiples > 0].any())


def clusters_too_similar(value: NDArray[np.int64], group: NDArray[np.int64]) -> bool:
    """Whether groups contain values [items] in shares that are too similar for values assigned to them by chance.

    The lower tail of the usual chi-squared statistic of a table of groups and values.
    """
    values, groups = int(value.max()) + 1, int(group.max()) + 1
    cell, counts = np.unique(value * groups + group, return_counts=True)
    expected = np.bincount(value)[cell // groups] * np.bincount(group)[cell % groups] / len(value)
    chi2 = float((counts / expected) @ counts) - len(value)
    freedom = (values - 1) * (groups - 1)
    return bool(freedom >= ENOUGH and scipy.special.gammainc(freedom / 2, max(chi2, 0.0) / 2) < ALPHA)
