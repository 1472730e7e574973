"""The certainty of an item's top units, given the standard errors of its attributions.

The top set is certified if every unit in it is shown to weigh more than every unit outside: the largest p-value of
these comparisons is that of the set (intersection-union), as Goldwasser and Hooker (2025, 2401.15800) do for rankings
of feature importance. If the kth unit and the next are nearly tied, no practical number of masks certifies the set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

from trusteq.comparing.padded_arrays import rounded
from trusteq.comparing.top_k import top_k

if TYPE_CHECKING:
    from numpy.typing import NDArray


def certainty(
    a: NDArray[np.float64], error: NDArray[np.float64], lengths: NDArray[np.int64], k: int
) -> NDArray[np.float64]:
    """1 - p of each item's top-k set [items], from attributions and standard errors [items, units].

    1 for items of k units or fewer, whose set is all of them; the errors of units are treated as independent.
    """
    top = top_k(a, lengths, k)
    size = np.abs(rounded(a))
    certainties = np.ones(len(a))
    for i, n in enumerate(lengths):
        if n > k:
            inside, outside = top[i, :n], ~top[i, :n]
            gap = size[i, :n][inside][:, None] - size[i, :n][outside]
            spread = np.hypot(error[i, :n][inside][:, None], error[i, :n][outside])
            z = np.divide(gap, spread, out=np.where(gap > 0, np.inf, 0.0), where=spread > 0)
            certainties[i] = scipy.special.ndtr(z.min())
    return certainties
