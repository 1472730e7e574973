"""Missing pixels as weighted means of their neighbours: linear imputation as in ROAD (Rong et al. 2022), without noise.

A missing pixel is the mean of its eight neighbours, the four direct ones with twice the weight of the others. All
missing pixels together are one sparse system of equations. What is missing is filled smoothly, so a larger picture is
solved in cells of several pixels, `SIDE` or a few more on its smaller side, and interpolated between their centres.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 32

_NEIGHBOURS = (
    (-1, 0, 2.0),
    (1, 0, 2.0),
    (0, -1, 2.0),
    (0, 1, 2.0),
    (-1, -1, 1.0),
    (-1, 1, 1.0),
    (1, -1, 1.0),
    (1, 1, 1.0),
)
"""Steps down and to the right, and the weight of the pixel there."""


def imputed(pixels: NDArray[np.uint8], missing: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The pixels [height, width, 3] with those that are ``missing`` [height, width] filled in.

    Where all are missing, with the mean colour.
    """
    if missing.all():
        return np.broadcast_to(np.rint(pixels.mean(axis=(0, 1))).astype(np.uint8), pixels.shape).copy()
    cell = max(1, min(missing.shape) // SIDE)
    known = _sums((~missing).astype(np.float64), cell)
    shown = _sums(pixels * (~missing)[:, :, None].astype(np.float64), cell)
    filled = _solved(shown / np.maximum(known, 1)[:, :, None], known < np.minimum(1, cell * cell / 2))
    if cell > 1:
        down, across = (_between(len_, cell) for len_ in missing.shape)
        filled = np.einsum("yi,ijc,xj->yxc", down, filled, across, optimize=True)
    # A little more than a half, so that the last bits of a sum do not decide where a value is just between two.
    whole = np.floor(filled.clip(0, 255) + (0.5 + 1e-6)).astype(np.uint8)
    return np.where(missing[:, :, None], whole, pixels)


def _sums(values: NDArray[Any], cell: int) -> NDArray[np.float64]:
    """Sums over square cells of the first two axes."""
    for axis in (0, 1):
        values = np.add.reduceat(values, np.arange(0, values.shape[axis], cell), axis=axis)
    return values


def _between(pixels: int, cell: int) -> NDArray[np.float64]:
    """How much each cell is worth at each pixel [pixels, cells], linearly between the centres of cells."""
    starts = np.arange(0, pixels, cell)
    centres = (starts + np.minimum(starts + cell, pixels) - 1) / 2
    return np.stack([np.interp(np.arange(pixels), centres, one) for one in np.eye(len(starts))], axis=1)


def _solved(values: NDArray[np.float64], missing: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The values [height, width, 3], those that are missing as the means of their neighbours."""
    from scipy.sparse import csc_array  # slow to import, and only pictures need it
    from scipy.sparse.linalg import splu

    height, width = missing.shape
    if missing.all() or not missing.any():
        return values
    number = np.full((height + 2, width + 2), -1)
    number[1:-1, 1:-1][missing] = np.arange(missing.sum())
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    inside = np.pad(np.ones_like(missing), 1)
    y, x = np.nonzero(missing)
    own = np.arange(len(y))
    total, right = np.zeros(len(y)), np.zeros((len(y), values.shape[2]))
    rows, columns, weights = [], [], []
    for down, across, weight in _NEIGHBOURS:
        at = y + 1 + down, x + 1 + across
        total += weight * inside[at]
        other = number[at]
        right += np.where((inside[at] & (other < 0))[:, None], weight * padded[at], 0)
        linked = other >= 0
        rows.append(own[linked])
        columns.append(other[linked])
        weights.append(np.full(np.count_nonzero(linked), -weight))
    entries = np.concatenate([total, *weights]), (np.concatenate([own, *rows]), np.concatenate([own, *columns]))
    solved = values.copy()
    solved[missing] = splu(csc_array(entries)).solve(right)
    return solved
