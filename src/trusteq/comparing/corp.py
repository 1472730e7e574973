"""CORP: splits a score into miscalibration, which recalibration corrects, and lack of knowledge, which it does not.

Dimitriadis, Gneiting and Jordan (PNAS 2021). For confidence as a forecast of being right, the mean squared
error is miscalibration - discrimination + uncertainty, with isotonic regression as the best recalibration.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import scipy

from trusteq.comparing.bins import levels
from trusteq.comparing.noise_bias import SIMULATIONS
from trusteq.stats.difference import minus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers, Pair
    from trusteq.stats.estimate import Estimate

_ROWS = 32  # in one regression: more would lose precision
PARTS = ("miscalibration", "discrimination", "uncertainty")


def corp(pair: Pair) -> dict[str, Estimate]:
    """The three parts for each model, and candidate minus reference."""
    sides = [a.cached(_exact_and_binned) for a in (pair.reference, pair.candidate)]
    (value_r, point_r, draws_r), (value_c, point_c, draws_c) = sides
    make = pair.resampling.from_draws
    results: dict[str, Estimate] = {}
    for i, name in enumerate(PARTS):
        what = f"CORP {name} of the confidence, squared error"
        for side, value, point, draws in (
            ("reference", value_r, point_r, draws_r),
            ("candidate", value_c, point_c, draws_c),
        ):
            results[f"{name}_{side}"] = make(
                float(point[i]), draws[:, i], what=what, value=float(value[i]), bounds=(0.0, 1.0), interval="basic"
            )
        results[f"{name}_difference"] = make(
            float(minus(point_c[i], point_r[i], terms=1.0)),
            minus(draws_c[:, i], draws_r[:, i], terms=1.0),
            what=f"{what}, candidate minus reference",
            value=float(minus(value_c[i], value_r[i], terms=1.0)),
            interval="basic",
        )
    for side, model, point in (("reference", pair.reference, point_r), ("candidate", pair.candidate, point_c)):
        e = results[f"miscalibration_{side}"]
        beyond_noise = max(0.0, float(point[0]) - model.cached(_calibrated_bound))
        method = f"{e.method}, lower end less noise"
        results[f"miscalibration_{side}"] = replace(e, low=min(e.low, beyond_noise), method=method)
    return results


def parts(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Miscalibration, discrimination and uncertainty of items' confidences [items]; equal confidences stay together."""
    level = levels(confidence)[1]
    count = np.bincount(level).astype(np.float64)
    hits = np.bincount(level, weights=right).astype(np.float64)
    score = np.square(confidence - right).mean(keepdims=True)
    miscalibration, discrimination, uncertainty = _from_recalibrated(score, hits[None], count[None])[0].tolist()
    return miscalibration, discrimination, uncertainty


def _from_recalibrated(
    score: NDArray[np.float64], hits: NDArray[np.float64], count: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The three parts [rows, 3], from scores [rows] and sums of right answers and of items [rows, cells].

    Cells are in ascending order of confidence; some may be empty.
    """
    parts_of = np.empty((len(hits), 3))
    for start in range(0, len(hits), _ROWS):
        rows = slice(start, start + _ROWS)
        parts_of[rows] = _of_rows(score[rows], hits[rows], count[rows])
    return parts_of


def _of_rows(score: NDArray[np.float64], hits: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same for a few rows."""
    recalibrated = _isotonic(hits, count)
    n = count.sum(axis=1)
    base = hits.sum(axis=1) / n
    best = (hits * np.square(1 - recalibrated) + (count - hits) * np.square(recalibrated)).sum(axis=1) / n
    uncertainty = base * (1 - base)
    # Negative only by rounding.
    return np.stack([score - best, uncertainty - best, uncertainty], axis=1).clip(min=0.0)


def _exact_and_binned(answers: Answers) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The exact three parts, and those on the fine grid with their draws."""
    return np.array(parts(answers.confidence, answers.right)), *_binned_parts(answers)


def _isotonic(hits: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """The isotonic regression of each row's shares of hits [rows, cells]; 0 in empty cells.

    All rows are one regression: shares lie between 0 and 1, so rows shifted by 2 are never pooled.
    """
    filled = count > 0
    shift = 2.0 * np.nonzero(filled)[0]
    fitted = np.zeros_like(count)
    fitted[filled] = (
        scipy.optimize.isotonic_regression(hits[filled] / count[filled] + shift, weights=count[filled]).x - shift
    )
    return fitted


def _calibrated_bound(answers: Answers) -> float:
    """The upper bound of the miscalibration that a calibrated model with these confidences shows, at the level.

    Isotonic regression follows noise, so miscalibration is never 0; more than this is not only noise.
    """
    fine, resampling = answers.fine, answers.resampling
    filled = np.flatnonzero(fine.count.total)
    count, confidence = fine.count.total[filled], fine.confidence.total[filled]
    share = (confidence / count).clip(0, 1)
    worth = np.maximum(np.round(count * answers.worth), 1).astype(np.int64)
    right = np.random.default_rng([resampling.seed, 6]).binomial(worth, share, size=(SIMULATIONS, len(filled)))
    hits = right * (count / worth)
    score = (count * share**2 - 2 * hits * share + hits).sum(axis=1) / count.sum()
    miscalibration = _from_recalibrated(score, hits, np.broadcast_to(count, hits.shape))[:, 0]
    return float(np.quantile(miscalibration, (1 + resampling.level) / 2))


def _binned_parts(answers: Answers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The three parts on the fine grid, and their draws [resamples, 3]."""
    squared = answers.resampling.cell_sums(
        np.zeros(len(answers.right), dtype=np.int64), 1, np.square(answers.confidence - answers.right)
    )[0]
    right, count = answers.fine.right, answers.fine.count
    draws = _from_recalibrated(squared.draws[:, 0] / count.draws.sum(axis=1), right.draws, count.draws)
    point = _from_recalibrated(squared.total / count.total.sum(), right.total[None], count.total[None])[0]
    return point, draws
