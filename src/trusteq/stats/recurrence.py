"""Whether equal draws are more than independent draws of one distribution can be, whatever that distribution is.

A model that knows few answers gives equal ones to many items, and that is no fault. Copies are told from it by how
often each value comes, without any assumption about how likely the values are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALPHA = 1e-5
"""Chance of each test to see copies where there are none."""
FACTORS = range(2, 31)
"""How many copies of everything are looked for."""
ENOUGH = 20
"""Degrees of freedom below which a table can come out without any difference by luck."""


def copied(counts: NDArray[np.int64], n: int) -> bool:
    """Whether ``counts`` [values], how often each value came in ``n`` draws, cannot come of independent draws."""
    return _uneven(counts, n) or _divisible(counts, n)


def _uneven(counts: NDArray[np.int64], n: int) -> bool:
    """Whether far more values came j times than those that came once less and once more often let be.

    Of F_j values that come j times, F_j / binom(n, j) is on average sum p^j (1 - p)^(n - j) over all values, and so its
    square is at most the product of its neighbours (Cauchy and Schwarz).
    """
    came = np.bincount(counts, minlength=2)
    j = np.flatnonzero(came)
    j = j[(j >= 2) & (j < n)]
    padded = np.append(came, 0)
    # The neighbours may have come out low; the number itself, high.
    below, above = (special.gammaincinv(padded[at] + 1, 1 - ALPHA) for at in (j - 1, j + 1))
    most = np.sqrt(below * above * (n - j + 1) / j * (j + 1) / (n - j))
    return bool((special.gammainc(came[j], most) < ALPHA).any())


def _divisible(counts: NDArray[np.int64], n: int) -> bool:
    """Whether far more counts than chance can make are multiples of one number, as where everything was copied.

    Given that a value came at all, its count is even with a chance of at most a half, and a multiple of k with at most
    1 / sqrt(2 k), as long as the value is not in most draws.
    """
    rare = counts[counts <= n / 4]
    multiples = np.array([np.count_nonzero(rare % k == 0) for k in FACTORS])
    chance = 1 / np.sqrt(2 * np.array(FACTORS))
    return bool(len(rare) and (special.bdtrc(multiples - 1, len(rare), chance) < ALPHA)[multiples > 0].any())


def dealt_alike(value: NDArray[np.int64], group: NDArray[np.int64]) -> bool:
    """Whether groups hold values [items] in shares that are too alike for values dealt to them by chance.

    The usual statistic of a table of groups and values, which is large where groups differ: its lower tail.
    """
    values, groups = int(value.max()) + 1, int(group.max()) + 1
    cell, held = np.unique(value * groups + group, return_counts=True)
    expected = np.bincount(value)[cell // groups] * np.bincount(group)[cell % groups] / len(value)
    chi2 = float((held / expected) @ held) - len(value)
    freedom = (values - 1) * (groups - 1)
    return bool(freedom >= ENOUGH and special.gammainc(freedom / 2, max(chi2, 0.0) / 2) < ALPHA)
