"""Smooth calibration error: it needs no bins and does not jump when a confidence crosses an edge.

Blasiok and Nakkiran 2023 (arXiv 2309.12236). The residuals, confidence minus right, are smoothed along the
confidence axis with a Gaussian reflected at 0 and 1, and the error at bandwidth s is the absolute integral
of what remains. The bandwidth is the one that equals its error.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import scipy

from trusteq.comparing.bins import FINE_CELLS, FINE_EDGES
from trusteq.comparing.noise_bias import Observed, estimates, forecasts, noise_correction, smooth_accuracy_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers, Pair
    from trusteq.stats.estimate import Estimate

MESH = 1_000
_MIDDLES = (FINE_EDGES + np.append(FINE_EDGES[1:], 1.0)) / 2
_FINE_TO_MESH = np.minimum((_MIDDLES * MESH).astype(np.int64), MESH - 1)


def smooth_calibration(pair: Pair) -> dict[str, Estimate]:
    """The smooth error of each model at its own bandwidth, and candidate minus reference."""
    what = "smooth calibration error, reflected Gaussian kernel, bandwidth fixed"
    return estimates(
        "smooth_ece", pair.reference.cached(_observed), pair.candidate.cached(_observed), pair.resampling, what=what
    )


def smooth_ece(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float]:
    """The smooth calibration error of items' confidences and correctness [items], and its bandwidth."""
    at = np.minimum((confidence * MESH).astype(np.int64), MESH - 1)
    residuals = np.bincount(at, weights=confidence - right, minlength=MESH) / len(confidence)

    spectrum = _spectrum(residuals)

    def error(width: float) -> float:
        return float(np.abs(_smoothed(spectrum, width)).sum())

    narrow, wide = 1 / MESH, 1.0
    if error(wide) >= wide:
        return error(wide), wide
    # The error falls as the bandwidth grows, so the two meet once.
    for _ in range(20):
        middle = (narrow + wide) / 2
        narrow, wide = (middle, wide) if error(middle) >= middle else (narrow, middle)
    return error(wide), wide


def _observed(answers: Answers) -> Observed:
    """The exact error, its draws on the fine grid and their correction, all at the bandwidth of the exact error."""
    value, width = smooth_ece(answers.confidence, answers.right)
    # The smoothed curve is evaluated at points half a bandwidth apart: between them it hardly changes.
    stride = int(np.clip(width * MESH / 2, 1, 10))
    kernel = _smoothed(_cells_spectrum(), width)[:, stride // 2 :: stride] * stride

    def error(
        count: NDArray[np.float64], confidence: NDArray[np.float64], right: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        smoothed = (confidence - right) @ kernel
        return np.asarray(np.abs(smoothed, out=smoothed).sum(axis=1) / count.sum(axis=1))

    fine = answers.fine
    draws = error(fine.count.draws, fine.confidence.draws, fine.right.draws)
    fitted = answers.cached(smooth_accuracy_of)
    cells = forecasts(
        answers.confidence, answers.right, answers.fine_cell, FINE_CELLS, worth=answers.worth, fitted=fitted
    )
    correct = noise_correction(cells, error, seed=answers.resampling.seed, largest=float(draws.max()), by_blas=True)
    return Observed(value, draws, correct)


@cache
def _cells_spectrum() -> NDArray[np.float64]:
    """The cosine transform of a residual of 1 in each cell of the fine grid [cells, mesh]."""
    residuals = np.zeros((FINE_CELLS, MESH))
    residuals[np.arange(FINE_CELLS), _FINE_TO_MESH] = 1.0
    return _spectrum(residuals)


def _spectrum(residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cosine transform of residuals [..., mesh]."""
    return np.asarray(scipy.fft.dct(residuals, axis=-1, norm="ortho"))


def _smoothed(spectrum: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """The residuals of this cosine transform [..., mesh], smoothed by a Gaussian reflected at both ends."""
    damping = np.exp(-0.5 * np.square(np.pi * width * np.arange(MESH)))
    return np.asarray(scipy.fft.idct(spectrum * damping, axis=-1, norm="ortho"))
