"""Batches of rows that need little padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def token_batches(lengths: NDArray[np.int64], *, budget: int) -> list[NDArray[np.int64]]:
    """Positions of rows in batches, shortest first, with rows x longest row <= ``budget`` in each batch.

    ``lengths`` [rows] in tokens. Rows of equal length keep their order; a row longer than the budget is a batch alone.
    """
    order = np.argsort(lengths, kind="stable")
    batches, start = [], 0
    for end in range(1, len(order)):
        # Rows are sorted, so the next row would be the longest of its batch.
        if (end - start + 1) * int(lengths[order[end]]) > budget:
            batches.append(order[start:end])
            start = end
    return [*batches, order[start:]] if len(order) else []
