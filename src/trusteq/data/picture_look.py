"""How a picture looks, in numbers: what slices and the search for common causes read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Look(NamedTuple):
    """Size, and four numbers in levels of 0 to 255, to a thousandth.

    brightness, contrast: mean and standard deviation of the greys. sharpness: standard deviation of their Laplacian.
    colourfulness: after Hasler and Suesstrunk (2003), 0 for greys, above 80 for very colourful pictures.
    """

    size: tuple[int, int]
    brightness: float
    contrast: float
    sharpness: float
    colourfulness: float


def look_at(pixels: NDArray[np.uint8]) -> Look:
    """How a picture of pixels [height, width, 3] looks."""
    red, green, blue = pixels.astype(np.float32).transpose(2, 0, 1)
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    mirrored = np.pad(grey, 1, mode="symmetric")
    laplacian = mirrored[:-2, 1:-1] + mirrored[2:, 1:-1] + mirrored[1:-1, :-2] + mirrored[1:-1, 2:] - 4 * grey
    first, second = red - green, (red + green) / 2 - blue
    colourfulness = np.hypot(_deviation(first), _deviation(second)) + 0.3 * np.hypot(_mean(first), _mean(second))
    return Look(
        (pixels.shape[1], pixels.shape[0]),
        _mean(grey),
        _deviation(grey),
        _deviation(laplacian),
        round(float(colourfulness), 3),
    )


def _mean(values: NDArray[np.float32]) -> float:
    return round(float(values.mean(dtype=np.float64)), 3)


def _deviation(values: NDArray[np.float32]) -> float:
    return round(float(values.std(dtype=np.float64)), 3)
