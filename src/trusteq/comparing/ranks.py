"""Scores of whether two explanations put all units of an item in the same order of importance; they need no k.

Attributions that differ only by rounding are tied (`padded_arrays.rounded`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.comparing.padded_arrays import check, inside, order, ranks, ratio, rounded, total

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERSISTENCE = 0.9
_CHUNK = 2**15


def pairwise_rank_agreement(
    a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The share of pairs of units that both explanations put in the same order of |attribution| [items].

    A pair tied in both agrees; tied in one only, it does not (OpenXAI treats a tie as "not less", so there the order of
    units matters). NaN for fewer than two units. Chance: 1/2 without ties.
    Krishna et al. (arXiv 2202.01602), section 3; memory grows with items times units, not with pairs.
    """
    check(lengths, a, b)
    units = a.shape[1]
    is_unit = inside(lengths, units)
    a, b = rounded(a), rounded(b)
    # A pair with padding must never agree: a's padding is in descending order below all units, b's is tied above them.
    importance_a = np.where(is_unit, np.abs(a), -1.0 - np.arange(units))
    importance_b = np.where(is_unit, np.abs(b), np.inf)
    agreeing = np.empty(len(a), dtype=np.int64)
    # The longest first, so that one long item does not pad many short ones.
    by_length, start = np.argsort(-lengths, kind="stable"), 0
    while start < len(a):
        width = int(lengths[by_length[start]])
        chunk = by_length[start : start + max(1, _CHUNK // max(width, 1))]
        agreeing[chunk] = _pairs_in_same_order(importance_a[chunk, :width], importance_b[chunk, :width])
        start += len(chunk)
    return ratio(agreeing, lengths * (lengths - 1) // 2)


def _pairs_in_same_order(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pairs of units that x and y [items, units] put in the same order or both tie [items], by sorts (Knight 1966)."""
    units = x.shape[1]
    first, second = _levels(x), _levels(y)
    both = first * units + second
    ordered = np.take_along_axis(second, np.argsort(both, axis=1), axis=1)
    ties = 2 * _tied(both) - _tied(first) - _tied(second)
    return np.asarray(units * (units - 1) // 2 + ties - _inversions(ordered))


def _levels(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The number of distinct smaller values in the row of each value [items, units]."""
    by_size = np.argsort(values, axis=1)
    ascending = np.take_along_axis(values, by_size, axis=1)
    levels = np.zeros(values.shape, dtype=np.int64)
    np.put_along_axis(levels, by_size, np.cumsum(_starts(ascending), axis=1) - 1, axis=1)
    return levels


def _tied(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of equal values in each row [items]."""
    place = np.arange(values.shape[1])
    first = np.maximum.accumulate(np.where(_starts(np.sort(values, axis=1)), place, 0), axis=1)
    return np.asarray((place - first).sum(axis=1))


def _inversions(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs in each row [items] whose first value is larger; values from 0 to units - 1, sorted bit by bit."""
    pairs = np.zeros(len(values), dtype=np.int64)
    for bit in reversed(range(values.shape[1].bit_length())):
        high = values >> bit & 1
        ones = np.cumsum(high, axis=1)
        # Only values that are equal in all higher bits, which are adjacent, remain to be compared.
        before = np.maximum.accumulate(np.where(_starts(values >> bit + 1), ones - high, 0), axis=1)
        pairs += ((ones - before) * (1 - high)).sum(axis=1)
        values = np.take_along_axis(values, np.argsort(values >> bit, axis=1, kind="stable"), axis=1)
    return pairs


def _starts(ordered: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a value differs from the one before it [items, units]."""
    starts = np.ones(ordered.shape, dtype=np.bool_)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return starts


def spearman(a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Spearman's correlation of |attribution|, average ranks for ties [items]. Chance: 0.

    NaN for fewer than two units, or if one explanation finds all units equally important.
    """
    return signed_spearman(np.abs(a), np.abs(b), lengths)


def signed_spearman(a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Spearman's correlation of the attributions with their signs; otherwise like `spearman` [items]. Chance: 0."""
    check(lengths, a, b)
    rank_a, rank_b = (_doubled_centred_ranks(rounded(x), lengths) for x in (a, b))
    # Sums of integers are exact, so the same order gives exactly 1 and the reverse exactly -1.
    common, of_a, of_b = ((x * y).sum(axis=1) for x, y in ((rank_a, rank_b), (rank_a, rank_a), (rank_b, rank_b)))
    return ratio(common.astype(np.float64), np.sqrt(of_a.astype(np.float64) * of_b))


def _doubled_centred_ranks(values: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Twice the difference of each unit's average rank and the item's mean [items, units], an integer; 0 in padding."""
    by_rank = order(values, lengths)
    descending = np.take_along_axis(values, by_rank, axis=1)
    units = values.shape[1]
    place = np.arange(units)
    is_unit = inside(lengths, units)
    starts = np.ones(values.shape, dtype=np.bool_)
    starts[:, 1:] = (descending[:, 1:] != descending[:, :-1]) | ~is_unit[:, 1:]
    ends = np.ones(values.shape, dtype=np.bool_)
    ends[:, :-1] = starts[:, 1:]
    first = np.maximum.accumulate(np.where(starts, place, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, place, units)[:, ::-1], axis=1)[:, ::-1]
    result = np.empty(values.shape, dtype=np.int64)
    np.put_along_axis(result, by_rank, np.where(is_unit, first + last - (lengths[:, None] - 1), 0), axis=1)
    return result


def rbo(
    a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64], p: float = PERSISTENCE
) -> NDArray[np.float64]:
    """Rank-biased overlap of the two orders of |attribution|, extrapolated [items]; NaN for an item without units.

    RBO_ext of Webber, Moffat & Zobel (2010), eq. 32, for two orders of the same n units, whose overlap at depth n is
    complete: 1 - (1 - p) sum over d <= n of p^(d-1) (1 - A_d), A_d the share of the first d that is in both. The
    first ten ranks have 86 % of the weight at p = 0.9. Of tied units the earlier ranks higher in both orders, which
    makes them look more similar. Chance: `chance_rbo`.
    """
    _check_persistence(p)
    check(lengths, a, b)
    items, units = a.shape
    depth = np.maximum(*(ranks(np.abs(rounded(x)), lengths) for x in (a, b)))
    cell = depth + units * np.arange(items)[:, None]
    common = np.bincount(cell.ravel(), minlength=items * units).reshape(items, units).cumsum(axis=1)
    place = np.arange(units)
    # In the padding both orders are the same, and after the last unit all units are common: no disagreement there.
    disagreement = total(p**place * (1 - common / (place + 1)))
    return np.where(lengths > 0, 1 - (1 - p) * disagreement, np.nan)


def chance_rbo(lengths: NDArray[np.int64], p: float = PERSISTENCE) -> NDArray[np.float64]:
    """The expected `rbo` of two random orders of n units [items]: (1 - p^n) / (n (1 - p)), from A_d = d / n."""
    _check_persistence(p)
    return ratio((1 - p**lengths) / (1 - p), lengths)


def _check_persistence(p: float) -> None:
    if not 0 < p < 1:
        raise ValueError(f"the persistence p must be between 0 and 1 (got {p})")
