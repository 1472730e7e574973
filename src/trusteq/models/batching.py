"""Batches of rows that need little padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def token_batches(lengths: NDArray[np.int64], *, budget: int) -> list[NDArray[np.int64]]:
    """Positions of rows, shortest first, cut so that rows x longest row <= ``budget`` in each batch.

    ``lengths`` [rows] in tokens. Rows of one length stay in their order; a row longer than the budget goes alone.
    """
    order = np.argsort(lengths, kind="stable")
    batches, start = [], 0
    for end in range(1, len(order)):
        # Sorted, so the row about to join is the longest of its batch.
        if (end - start + 1) * int(lengths[order[end]]) > budget:
            batches.append(order[start:end])
            start = end
    return [*batches, order[start:]] if len(order) else []
