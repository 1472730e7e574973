"""Are two explanations the same as vectors: scores that use the weights themselves, no ranks and no k."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.compare.padded_arrays import check, ratio, scaled, total

if TYPE_CHECKING:
    from numpy.typing import NDArray


def cosine(a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cosine of the attributions with their signs [items]; NaN where one is all 0.

    Chance: 0 for signs that are a coin's; two explanations that mostly point the same way have more.
    """
    check(lengths, a, b)
    a, b = scaled(a), scaled(b)
    # One root of the product: for equal vectors it is exactly their squared norm, for two roots it need not be.
    return np.clip(ratio(total(a * b), np.sqrt(total(a * a) * total(b * b))), -1.0, 1.0)


def weighted_jaccard(a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Ruzicka's similarity of each unit's share of |attribution|, sum of smaller over sum of larger [items].

    1 for the same shares, 0 where no unit has weight in both; NaN where one is all 0. Chance depends on how the
    weights are spread: shuffle one explanation within the item to see it.
    """
    check(lengths, a, b)
    a, b = np.abs(scaled(a)), np.abs(scaled(b))
    whole_a, whole_b = total(a), total(b)
    # Each times the other's total, the shares' common denominator: nothing is rounded twice, and an
    # explanation of zeros makes both zero.
    a, b = a * whole_b[:, None], b * whole_a[:, None]
    return ratio(total(np.minimum(a, b)), total(np.maximum(a, b)))
