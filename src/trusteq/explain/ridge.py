"""Weighted ridge regression, by one of two equivalent systems.

(X'WX + pI)^-1 X'W = X'V (VXX'V + pI)^-1 V with V = W^1/2 (Woodbury): units x units, or masks x masks for an item with
many more units than masks, whose pairs of units would fill memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ridge_map(x: NDArray[np.float64], weight: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    """The matrix [columns, rows] from values [rows] to coefficients, for x [rows, columns]."""
    if _wide(x):
        root, scaled, gram = _by_rows(x, weight, penalty)
        return np.asarray(scaled.T @ np.linalg.solve(gram, np.diag(root)))
    return np.asarray(np.linalg.solve(_by_columns(x, weight, penalty), x.T * weight))


def ridge(
    x: NDArray[np.float64], values: NDArray[np.float64], weight: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    """The coefficients [columns, outputs] of values [rows, outputs]."""
    if _wide(x):
        root, scaled, gram = _by_rows(x, weight, penalty)
        return np.asarray(scaled.T @ np.linalg.solve(gram, root[:, None] * values))
    return np.asarray(np.linalg.solve(_by_columns(x, weight, penalty), x.T @ (weight[:, None] * values)))


def _wide(x: NDArray[np.float64]) -> bool:
    return bool(x.shape[1] > 2 * x.shape[0])


def _by_columns(x: NDArray[np.float64], weight: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    gram = x.T @ (weight[:, None] * x)
    gram[np.diag_indices_from(gram)] += penalty
    return gram


def _by_rows(
    x: NDArray[np.float64], weight: NDArray[np.float64], penalty: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    root = np.sqrt(weight)
    scaled = root[:, None] * x
    gram = scaled @ scaled.T
    gram[np.diag_indices_from(gram)] += penalty
    return root, scaled, gram
