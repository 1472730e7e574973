"""A picture blurred: what it shows is gone, its colours and the light are left, and no new edge appears."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARE = 8
"""The standard deviation of the blur is the smaller side divided by this: half a tile where there are four a side."""

_SMALLEST = 1e-6
"""Cosines that the blur weakens to less than this share are left out."""


def blurred(pixels: NDArray[np.uint8], sigma: float | None = None) -> NDArray[np.uint8]:
    """The pixels [height, width, 3] after a Gaussian blur, with the picture mirrored at its edges.

    On cosines, which are mirrored in this way, a Gaussian blur is a product, and a strong one leaves only a few of
    them: this is exact for every sigma, and takes no longer for large ones.
    """
    height, width = pixels.shape[:2]
    spread = min(height, width) / SHARE if sigma is None else sigma
    down, across = _cosines(height, spread), _cosines(width, spread)
    soft = np.empty(pixels.shape, dtype=np.uint8)
    for channel in range(pixels.shape[2]):
        weights = down.T @ (down @ pixels[:, :, channel].astype(np.float64) @ across.T) @ across
        # A little more than a half, so that the last bits of a sum do not decide where a value is just between two.
        soft[:, :, channel] = np.floor(weights.clip(0, 255) + (0.5 + 1e-6))
    return soft


@lru_cache(maxsize=8)
def _cosines(n: int, sigma: float) -> NDArray[np.float64]:
    """The cosines that are left of n values [cosines, n], each times the square root of what the blur makes of it."""
    last = math.ceil(math.sqrt(-2 * math.log(_SMALLEST)) * n / (math.pi * sigma)) if sigma else n
    k = np.arange(min(n, last + 1), dtype=np.float64)[:, None]
    cosines = np.cos(np.pi * k * (np.arange(n) + 0.5) / n) * np.sqrt(np.where(k == 0, 1, 2) / n)
    left = np.exp(-0.25 * (np.pi * k * sigma / n) ** 2)
    return np.asarray(cosines * left)
