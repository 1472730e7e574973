"""Corrects the bias that sampling noise adds to a calibration error.

An error that sums absolute gaps is never 0: if a model is calibrated, all of it is noise; if the model is off in one
direction, none is. The bootstrap cannot tell the two apart, because it treats the sample's noise as truth. So the noise
is simulated: right answers are drawn from calibration curves between the diagonal and well beyond a smooth
curve fitted to the items ("consistency resampling", Brocker and Smith 2007), and an observed error is mapped to
the true error for which it is the median.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from trusteq.comparing.bins import FINE_CELLS, fine_cell
from trusteq.stats.binomial_draws import BinomialDraws
from trusteq.stats.difference import minus

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers
    from trusteq.stats.estimate import Estimate
    from trusteq.stats.resampling import Resampling

    ErrorOfBins = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    Correction = Callable[[NDArray[np.float64]], NDArray[np.float64]]

SIMULATIONS = 200
STEPS = 16
AT_ONCE = 7
"""Steps that are simulated together."""


@dataclass(frozen=True)
class Observed:
    """A model's calibration error by its definition, its draws [resamples], and the correction for both."""

    value: float
    draws: NDArray[np.float64]
    correct: Correction

    @cached_property
    def true(self) -> NDArray[np.float64]:
        """The draws of the true error [resamples]."""
        # Resampling adds noise, which raises the errors of resamples; without that they are centred on the sample's.
        return self.correct(self.draws - self.draws.mean() + self.value)


def estimates(
    name: str, reference: Observed, candidate: Observed, resampling: Resampling, *, what: str
) -> dict[str, Estimate]:
    """The error of each model and candidate minus reference: values as defined, intervals for the true errors.

    Both models' draws are corrected before they are subtracted, so that noise they share still cancels.
    """
    true = [o.true for o in (reference, candidate)]
    make, words = resampling.from_draws, f"{what}, interval less noise bias"
    words_of_difference = f"{what}, candidate minus reference, interval less noise bias"
    return {
        f"{name}_reference": make(reference.value, true[0], what=words, interval="percentile", bounds=(0.0, 1.0)),
        f"{name}_candidate": make(candidate.value, true[1], what=words, interval="percentile", bounds=(0.0, 1.0)),
        f"{name}_difference": make(
            float(minus(candidate.value, reference.value)),
            minus(true[1], true[0]),
            what=words_of_difference,
            interval="percentile",
        ),
    }


@dataclass(frozen=True)
class Forecasts:
    """Sums within cells [cells]: items, how many independent ones they are worth, confidence, smooth accuracy."""

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
    fitted: NDArray[np.float64] | None = None,
) -> Forecasts:
    """The `Forecasts` of items [items], each in its ``cell`` and worth ``worth`` independent items.

    ``fitted`` is the smooth accuracy at each item, if known: the curve is fitted to these items only.
    """
    accuracy = smooth_accuracy(confidence, right, fine_cell(confidence)) if fitted is None else fitted
    count, total_confidence, total_accuracy = (_sums(x, cell, cells) for x in (None, confidence, accuracy))
    return Forecasts(count, count * worth, total_confidence, total_accuracy)


def smooth_accuracy(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], fine: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """The smooth curve fitted to items, at each of them [items]; ``fine`` [items] are their cells of the fine grid."""
    return np.asarray(fitted_accuracy(*(_sums(x, fine, FINE_CELLS) for x in (None, confidence, right)))[fine])


def smooth_accuracy_of(answers: Answers) -> NDArray[np.float64]:
    """The smooth curve fitted to a model's answers, at each of them [outcomes]."""
    return smooth_accuracy(answers.confidence, answers.right, answers.fine_cell)


def _sums(x: Any, cell: NDArray[np.integer[Any]], cells: int) -> NDArray[np.float64]:
    return np.bincount(cell, weights=x, minlength=cells).astype(np.float64, copy=False)


def noise_correction(
    cells: Forecasts, error: ErrorOfBins, *, seed: int, largest: float, by_blas: bool = False
) -> Correction:
    """A function from observed calibration errors to true ones, monotone and never negative.

    ``error`` maps sums of count, confidence and right [rows, cells] to [rows]; ``largest`` is the largest
    observed error that will be corrected. Cells are drawn independently of each other: correlation between them changes
    the spread of a sum of gaps, but hardly its median. ``by_blas``: whether the error is a product by BLAS, whose sums
    of a single row differ in their last bits.
    """
    filled = np.flatnonzero(cells.count)
    # Sorted, so that the random numbers of a cell do not depend on the order of labels.
    filled = filled[np.lexsort((cells.count[filled], cells.confidence[filled] / cells.count[filled]))]
    count = cells.count[filled]
    confidence, fitted = cells.confidence[filled] / count, cells.fitted[filled] / count
    # Clustered items are worth fewer independent ones, so their noise is larger.
    independent = np.maximum(np.round(cells.worth[filled]), 1).astype(np.int64)
    gap = fitted - confidence
    size = float(np.abs(gap) @ count / count.sum())
    # A curve on the diagonal has no direction; overconfidence is as good as any.
    direction = gap / size if size > 1e-6 else -np.ones(len(filled))

    def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = np.zeros((len(values), len(cells.count)))
        rows[:, filled] = values
        return rows

    items, total_confidence = spread(count[None]), spread((count * confidence)[None])

    def errors(right: NDArray[np.float64]) -> NDArray[np.float64]:
        return error(items, total_confidence, spread(right))

    steps = np.linspace(0.0, 1.0, STEPS) ** 1.5 * max(largest, 1e-6) * 1.3
    shares = np.clip(confidence + steps[:, None] * direction, 0.0, 1.0)
    drawn = BinomialDraws([seed, 5], independent, SIMULATIONS, about=confidence)
    truths: list[float] = []
    medians: list[float] = []

    def simulate(some: NDArray[np.float64]) -> None:
        """Add the true error of each of some shares [steps, filled] and the median of the errors observed."""
        groups = some[:, None] if by_blas else some[None]
        truths.extend(truth for group in groups for truth in errors(count * group).tolist())
        right = drawn.at(some).reshape(-1, len(filled)) * (count / independent)
        medians.extend(np.median(errors(right).reshape(len(some), SIMULATIONS), axis=1).tolist())

    def correct(observed: NDArray[np.float64]) -> NDArray[np.float64]:
        # Steps beyond the largest error to be corrected change nothing, and are not simulated.
        while len(medians) < STEPS and not (medians and max(medians) > observed.max()):
            simulate(shares[len(medians) : len(medians) + AT_ONCE])
        truth, median = np.maximum.accumulate(truths), np.maximum.accumulate(medians)
        beyond = np.maximum(observed - median[-1], 0.0)
        return np.asarray(np.where(observed <= median[0], 0.0, np.interp(observed, median, truth)) + beyond)

    return correct


def fitted_accuracy(
    count: NDArray[np.float64], confidence: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Accuracy as a smooth function of confidence, at each cell of a fine grid, from the cells' sums [cells].

    Logistic regression of being right on the confidence's logit, by Newton's method, with a prior of the weight
    of one observation around perfect calibration (intercept 0, slope 1), which also keeps the fit finite if all
    answers are right.
    """
    mean = np.divide(confidence, count, out=np.full(len(count), 0.5), where=count > 0)
    logit = scipy.special.logit(mean.clip(1e-9, 1 - 1e-9))
    design = np.stack([np.ones_like(logit), logit], axis=1)
    weights = np.array([0.0, 1.0])
    for _ in range(50):
        p = scipy.special.expit(design @ weights)
        slope = design.T @ (right - count * p) - (weights - [0.0, 1.0])
        curvature = (design * (count * p * (1 - p))[:, None]).T @ design + np.eye(2)
        step = np.linalg.solve(curvature, slope)
        weights = weights + step * min(1.0, 2.0 / float(np.abs(step).max() + 1e-300))
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(scipy.special.expit(design @ weights))
