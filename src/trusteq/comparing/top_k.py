"""Scores of whether two explanations name the same k most important units, and their values by chance.

A unit's importance is its |attribution|. Of equal ones (`padded_arrays.rounded`) the earlier unit counts as more
important; `tied_mass` is the weight that this rule decides about. An item with fewer than k units has all of them in
its top k and scores are shares of those, so `jaccard` and `feature_agreement` are always 1 there.

Feature, rank, sign and signed rank agreement: Krishna et al. (arXiv 2202.01602), section 3. OpenXAI gives tied units
one common rank; here the rule above gives each its own. Scores are NaN for an item without units.
"""

from __future__ import annotations

from functools import cache
from math import comb, fsum
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.padded_arrays import check, inside, order, ranks, ratio, rounded, scaled, total

if TYPE_CHECKING:
    from numpy.typing import NDArray


def top_k(a: NDArray[np.float64], lengths: NDArray[np.int64], k: int | NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which units are the k of largest |attribution| [items, units]; ``k`` is one number, or one per item [items]."""
    check(lengths, a)
    return ranks(np.abs(rounded(a)), lengths) < _size(lengths, k)[:, None]


def top_count(lengths: NDArray[np.int64], fraction: float) -> NDArray[np.int64]:
    """The k that stands for a share of an item's units [items]: rounded up, at least 1."""
    if not 0 < fraction <= 1:
        raise ValueError(f"a top fraction must be above 0 and at most 1 (got {fraction})")
    # 0.07 * 100 is slightly more than 7 in floats, but means 7.
    return np.asarray(np.maximum(np.ceil(fraction * lengths - 1e-9).astype(np.int64), 1))


def boundary_tie(a: NDArray[np.float64], lengths: NDArray[np.int64], k: int | NDArray[np.int64]) -> NDArray[np.bool_]:
    """Units as important as the k-th, if the next one is too [items, units]; none if the top k is clear."""
    check(lengths, a)
    size = _size(lengths, k)
    importance = np.abs(rounded(a))
    # One more column of padding, so that there is a position after the last unit.
    descending = np.pad(np.take_along_axis(importance, order(importance, lengths), axis=1), ((0, 0), (0, 1)))
    last, following = (np.take_along_axis(descending, at[:, None], axis=1) for at in (np.maximum(size - 1, 0), size))
    straddles = (size < lengths)[:, None] & (last == following)
    return np.asarray(straddles & (importance == last) & inside(lengths, a.shape[1]))


def tied_mass(a: NDArray[np.float64], lengths: NDArray[np.int64], k: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of |attribution| on units that are in the top k or not only by the tie rule [items].

    0 if the top k is clear; NaN if all attributions are 0. A tie among zeros has no mass next to other weights: for
    sparse attributions, see `boundary_tie` too.
    """
    tied = boundary_tie(a, lengths, k)
    importance = np.abs(scaled(rounded(a)))
    return np.where(tied.any(axis=1), ratio(total(np.where(tied, importance, 0.0)), total(importance)), 0.0)


def jaccard(top_a: NDArray[np.bool_], top_b: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Units in both sets among units in either [items]; NaN if both are empty. Chance: `chance_jaccard`."""
    return ratio(np.count_nonzero(top_a & top_b, axis=1), np.count_nonzero(top_a | top_b, axis=1))


def chance_jaccard(lengths: NDArray[np.int64], k: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """The exact expected Jaccard of two random k-sets of an item's units [items]; 1 if n <= k, NaN if n is 0."""
    size = _size(lengths, k)
    cases, case = np.unique(np.stack([lengths, size]), axis=1, return_inverse=True)
    values = np.array([_chance_jaccard(int(n), int(k)) for n, k in cases.T])
    return np.asarray(values[case.reshape(-1)], dtype=np.float64)


@cache
def _chance_jaccard(n: int, k: int) -> float:
    """Sum over i common units of i / (2k - i) times the hypergeometric probability of i."""
    if n == 0:
        return np.nan
    smallest, sets = max(2 * k - n, 0), comb(n, k)
    ways, terms = comb(k, smallest) * comb(n - k, k - smallest), []
    for i in range(smallest, k + 1):
        terms.append(i * ways / ((2 * k - i) * sets))
        ways = ways * (k - i) ** 2 // ((i + 1) * (n - 2 * k + i + 1))
    return fsum(terms)


def feature_agreement(
    a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64], k: int | NDArray[np.int64]
) -> NDArray[np.float64]:
    """The share of the top k that is in both [items]. Chance: k / n, at most 1."""
    rank_a, rank_b, size = _compared(a, b, lengths, k)
    return _share((rank_a < size) & (rank_b < size), size)


def chance_feature_agreement(lengths: NDArray[np.int64], k: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of the top k that is in another random k-set of the item's units [items]: k / n, at most 1."""
    return ratio(_size(lengths, k), lengths)


def rank_agreement(
    a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64], k: int | NDArray[np.int64]
) -> NDArray[np.float64]:
    """The share of the top k that is in both, at the same rank [items]. Chance: 1 / n."""
    rank_a, rank_b, size = _compared(a, b, lengths, k)
    return _share((rank_a == rank_b) & (rank_a < size), size)


def chance_rank_agreement(lengths: NDArray[np.int64], k: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of the top k that has the same rank in another random order [items]: 1 / n for any k."""
    return ratio(np.minimum(_size(lengths, k), 1), lengths)


def sign_agreement(
    a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64], k: int | NDArray[np.int64]
) -> NDArray[np.float64]:
    """The share of the top k that is in both, with the same sign (zero is a sign of its own) [items].

    Chance: k / n times the probability of equal signs, which is 1/2 for random signs.
    """
    rank_a, rank_b, size = _compared(a, b, lengths, k)
    return _share((rank_a < size) & (rank_b < size) & _same_sign(a, b), size)


def signed_rank_agreement(
    a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64], k: int | NDArray[np.int64]
) -> NDArray[np.float64]:
    """The share of the top k that is in both, at the same rank and with the same sign [items].

    Chance: 1 / n times the probability of equal signs.
    """
    rank_a, rank_b, size = _compared(a, b, lengths, k)
    return _share((rank_a == rank_b) & (rank_a < size) & _same_sign(a, b), size)


def _size(lengths: NDArray[np.int64], k: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of units in each top-k set [items]: k, or all if there are fewer."""
    k = np.asarray(k)
    if k.dtype.kind not in "iu" or k.shape not in ((), lengths.shape) or (k < 1).any():
        raise ValueError(
            f"k must be a whole number of at least 1, or one for each of the {len(lengths)} items (got {k})"
        )
    return np.minimum(k, lengths).astype(np.int64)


def _compared(
    a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64], k: int | NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Ranks in each explanation [items, units], and how many of them are the top k [items, 1]."""
    check(lengths, a, b)
    rank_a, rank_b = (ranks(np.abs(rounded(x)), lengths) for x in (a, b))
    return rank_a, rank_b, _size(lengths, k)[:, None]


def _same_sign(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.sign(rounded(a)) == np.sign(rounded(b)))


def _share(agreeing: NDArray[np.bool_], size: NDArray[np.int64]) -> NDArray[np.float64]:
    return ratio(np.count_nonzero(agreeing, axis=1), size[:, 0])
