"""Bins of confidence: the paper's ten, and a fine grid that nests in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDE_EDGES = np.arange(11) / 10
"""The paper's ten equal-width bins: [a, b), the last one closed."""

FINE_EDGES = np.concatenate([np.arange(199) / 200, 1 - 0.01 * 2.0 ** -np.arange(0.25, 20.25, 0.25)])
"""A fixed fine grid of confidence, finer towards 1 where sharp models crowd; it nests in the ten bins."""
FINE_CELLS = len(FINE_EDGES)


def bin_of(x: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each value [outcomes] among ``edges`` [bins + 1]: [a, b), the last one closed; every value has one."""
    return np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)


def wide_bin(x: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each value [outcomes] among `WIDE_EDGES`: the same as `bin_of`, but without a search."""
    bins = len(WIDE_EDGES) - 1
    bin_ = np.minimum((x * bins).astype(np.int64), bins - 1)
    # Multiplication rounds: a value just below an edge may land on it, but none on an edge lands below it.
    bin_ -= x < WIDE_EDGES[bin_]
    return bin_


def fine_cell(x: NDArray[np.float64]) -> NDArray[np.int64]:
    """The cell of each value [outcomes] in the fine grid."""
    return np.clip(np.searchsorted(FINE_EDGES, x, side="right") - 1, 0, FINE_CELLS - 1)


def levels(confidence: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """The distinct confidences in ascending order [levels], and the position of each item's among them [items]."""
    order = np.argsort(confidence)
    ascending = confidence[order]
    first = np.append(True, ascending[1:] != ascending[:-1])
    level = np.empty(len(order), dtype=np.int32)
    level[order] = np.cumsum(first, dtype=np.int32) - 1
    return ascending[first], level
