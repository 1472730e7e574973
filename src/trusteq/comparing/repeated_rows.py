"""Rows of predictions that repeat those of another item: the same answers of all models, and the same gold label.

For items without texts, this reveals items that were copied under new ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.stats.coded import coded
from trusteq.stats.recurrence import clusters_too_similar, copied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DIGITS = 6
"""Decimal places to which probabilities are compared: batching may change later ones."""


def repeated_rows(columns: Sequence[NDArray[Any]], clusters: Sequence[str] | None) -> int:
    """The number of rows that repeat one of another item or cluster, if independent items cannot have so many; else 0.

    columns: every model's probabilities [items, labels], and the gold codes [items] where they are known.
    """
    row = np.unique(_keys(columns), return_inverse=True)[1]
    n, values = len(row), int(row.max()) + 1
    if clusters is None:
        return n - values if copied(np.bincount(row), n) else 0
    cluster = coded(clusters)[1]
    groups = int(cluster.max()) + 1
    # One row of each cluster, because rows of the same cluster are not independent.
    row_of_cluster = np.full(groups, values)
    np.minimum.at(row_of_cluster, cluster, row)
    if not copied(np.unique(row_of_cluster, return_counts=True)[1], groups) and not clusters_too_similar(row, cluster):
        return 0
    return len(np.unique(row * groups + cluster)) - values


def _keys(columns: Sequence[NDArray[Any]]) -> NDArray[np.uint64]:
    """A hash of each row [items]: equal for equal values, and for others only by a chance of 1 in 2^64."""
    keys = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        for values in np.atleast_2d(column.T):
            bits = (np.round(values.astype(np.float64), DIGITS) + 0.0).view(np.uint64)
            keys = (keys ^ bits) * np.uint64(0x9E3779B97F4A7C15)
            keys ^= keys >> np.uint64(29)
    return keys
