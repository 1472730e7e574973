"""From a calibration error that sampling noise has raised to the true one.

An error that adds up gaps without their sign is never 0: where a model is calibrated all of it is noise, where
it errs to one side none is. The bootstrap cannot tell, for it takes the sample's noise for truth. So the noise
is simulated: right answers are drawn from calibration curves between the diagonal and well beyond a smooth
curve fitted to the items ("consistency resampling", Brocker and Smith 2007), and an observed error is read as
the true error of which it is the median.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from trusteq.compare.bins import FINE_CELLS, fine_cell

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.stats.estimate import Estimate
    from trusteq.stats.resampling import Resampling

    ErrorOfBins = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    Correction = Callable[[NDArray[np.float64]], NDArray[np.float64]]

SIMULATIONS = 200
STEPS = 16


@dataclass(frozen=True)
class Observed:
    """A model's calibration error as its definition gives it, its draws [resamples], and what they truly stand for."""

    value: float
    draws: NDArray[np.float64]
    correct: Correction


def estimates(
    name: str, reference: Observed, candidate: Observed, resampling: Resampling, *, what: str
) -> dict[str, Estimate]:
    """The error of each model and candidate minus reference: values as defined, intervals for the true errors.

    Both models' draws are corrected before they are subtracted, so that what noise they share still cancels.
    """
    # A resample's errors lie as far above the sample's as resampling adds noise; without that they centre on it.
    true = [o.correct(o.draws - o.draws.mean() + o.value) for o in (reference, candidate)]
    make, words = resampling.from_draws, f"{what}, interval less noise bias"
    minus = f"{what}, candidate minus reference, interval less noise bias"
    return {
        f"{name}_reference": make(reference.value, true[0], what=words, interval="percentile", bounds=(0.0, 1.0)),
        f"{name}_candidate": make(candidate.value, true[1], what=words, interval="percentile", bounds=(0.0, 1.0)),
        f"{name}_difference": make(
            candidate.value - reference.value, true[1] - true[0], what=minus, interval="percentile"
        ),
    }


@dataclass(frozen=True)
class Forecasts:
    """Sums within cells [cells]: items, the independent ones these are worth, confidence, smoothly fitted accuracy."""

    count: NDArray[np.float64]
    worth: NDArray[np.float64]
    confidence: NDArray[np.float64]
    fitted: NDArray[np.float64]


def forecasts(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    cell: NDArray[np.integer[Any]],
    cells: int,
    *,
    worth: float = 1.0,
    fine: NDArray[np.integer[Any]] | None = None,
) -> Forecasts:
    """What ``cells`` hold of items [items], each in its ``cell`` and worth so many independent ones.

    The smooth curve is fitted to these items alone. ``fine`` [items] are their cells of the fine grid, where known.
    """

    def sums(x: Any, at: NDArray[np.integer[Any]], cells: int) -> NDArray[np.float64]:
        return np.bincount(at, weights=x, minlength=cells).astype(np.float64, copy=False)

    at = fine_cell(confidence) if fine is None else fine
    curve = fitted_accuracy(*(sums(x, at, FINE_CELLS) for x in (None, confidence, right)))
    count, sure, fitted = (sums(x, cell, cells) for x in (None, confidence, curve[at]))
    return Forecasts(count, count * worth, sure, fitted)


def noise_correction(of: Forecasts, error: ErrorOfBins, *, seed: int, largest: float) -> Correction:
    """A function from observed calibration errors to true ones, monotone and never negative.

    ``error`` maps sums of count, confidence and right [rows, cells] to [rows]; ``largest`` is the largest
    observed error that will be asked about. Cells are drawn independently of each other: whether they vary together
    moves the spread of a sum of gaps, hardly its median.
    """
    seen = np.flatnonzero(of.count)
    # In an order of their own, so that which cell gets which random numbers does not depend on the order of labels.
    seen = seen[np.lexsort((of.count[seen], of.confidence[seen] / of.count[seen]))]
    count = of.count[seen]
    confidence, fitted = of.confidence[seen] / count, of.fitted[seen] / count
    # Clustered items are worth fewer independent ones, so their noise is larger.
    independent = np.maximum(np.round(of.worth[seen]), 1).astype(np.int64)
    gap = fitted - confidence
    size = float(np.abs(gap) @ count / count.sum())
    # A curve on the diagonal points nowhere; overconfidence is as good a direction as any.
    direction = gap / size if size > 1e-6 else -np.ones(len(seen))

    def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = np.zeros((len(values), len(of.count)))
        rows[:, seen] = values
        return rows

    items, sure = spread(count[None]), spread((count * confidence)[None])

    def errors(right: NDArray[np.float64]) -> NDArray[np.float64]:
        return error(items, sure, spread(right))

    truths, medians = [], []
    for t in np.linspace(0.0, 1.0, STEPS) ** 1.5 * max(largest, 1e-6) * 1.3:
        share = np.clip(confidence + t * direction, 0.0, 1.0)
        rng = np.random.default_rng([seed, 5])
        drawn = rng.binomial(independent, share, size=(SIMULATIONS, len(seen))) * (count / independent)
        truths.append(float(errors((count * share)[None])[0]))
        medians.append(float(np.median(errors(drawn))))
    truth, median = np.maximum.accumulate(truths), np.maximum.accumulate(medians)

    def correct(observed: NDArray[np.float64]) -> NDArray[np.float64]:
        beyond = np.maximum(observed - median[-1], 0.0)
        return np.asarray(np.where(observed <= median[0], 0.0, np.interp(observed, median, truth)) + beyond)

    return correct


def fitted_accuracy(
    count: NDArray[np.float64], confidence: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Accuracy as a smooth function of confidence, at each cell of a fine grid, from the cells' sums [cells].

    Logistic regression of being right on the confidence's logit, by Newton's method, with a prior of the weight
    of one observation around perfect calibration (intercept 0, slope 1), which also keeps it finite when all
    answers are right.
    """
    mean = np.divide(confidence, count, out=np.full(len(count), 0.5), where=count > 0)
    logit = special.logit(mean.clip(1e-9, 1 - 1e-9))
    design = np.stack([np.ones_like(logit), logit], axis=1)
    weights = np.array([0.0, 1.0])
    for _ in range(50):
        p = special.expit(design @ weights)
        slope = design.T @ (right - count * p) - (weights - [0.0, 1.0])
        curvature = (design * (count * p * (1 - p))[:, None]).T @ design + np.eye(2)
        step = np.linalg.solve(curvature, slope)
        weights = weights + step * min(1.0, 2.0 / float(np.abs(step).max() + 1e-300))
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(special.expit(design @ weights))
