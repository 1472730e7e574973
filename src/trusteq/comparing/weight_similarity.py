"""Scores of the similarity of two explanations as vectors: they use the weights themselves, no ranks and no k."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.padded_arrays import check, ratio, scaled, total

if TYPE_CHECKING:
    from numpy.typing import NDArray


def cosine(a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cosine of the attributions with their signs [items]; NaN if one is all 0.

    Chance: 0 for random signs; higher if both explanations have mostly the same signs.
    """
    check(lengths, a, b)
    a, b = scaled(a), scaled(b)
    # One root of the product: for equal vectors, it is exactly their squared norm; a product of two roots need not be.
    return np.clip(ratio(total(a * b), np.sqrt(total(a * a) * total(b * b))), -1.0, 1.0)


def weighted_jaccard(a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Ruzicka's similarity of each unit's share of |attribution|, sum of smaller over sum of larger [items].

    1 for equal shares, 0 if no unit has weight in both; NaN if one is all 0. Chance depends on the distribution of the
    weights: shuffle one explanation within the item to see it.
    """
    check(lengths, a, b)
    a, b = np.abs(scaled(a)), np.abs(scaled(b))
    total_a, total_b = total(a), total(b)
    # Each times the other's total, the common denominator of the shares: nothing is rounded twice, and both are zero
    # if one explanation is all zeros.
    a, b = a * total_b[:, None], b * total_a[:, None]
    return ratio(total(np.minimum(a, b)), total(np.maximum(a, b)))
