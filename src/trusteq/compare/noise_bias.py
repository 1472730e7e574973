"""From a calibration error that sampling noise has raised to the true one.

An error that adds up gaps without their sign is never 0: where a model is calibrated all of it is noise, where
it errs to one side none is. The bootstrap cannot tell, for it takes the sample's noise for truth. So the noise
is simulated: right answers are drawn from calibration curves between the diagonal and well beyond a smooth
curve fitted to the items ("consistency resampling", Brocker and Smith 2007), and an observed error is read as
the true error of which it is the median.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.compare.answers import Answers

    ErrorOfBins = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    Correction = Callable[[NDArray[np.float64]], NDArray[np.float64]]

    from trusteq.stats.estimate import Estimate
    from trusteq.stats.resampling import Resampling

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


def noise_correction(
    answers: Answers, cell: NDArray[np.int64], cells: int, error: ErrorOfBins, *, largest: float
) -> Correction:
    """A function from observed calibration errors to true ones, monotone and never negative.

    ``cell`` [items] is the bin of each item; ``error`` maps sums of count, confidence and right [rows, cells] to
    [rows]; ``largest`` is the largest observed error that will be asked about.
    """
    seen, at = np.unique(cell, return_inverse=True)
    count = np.bincount(at).astype(np.float64)
    confidence = np.bincount(at, weights=answers.confidence) / count
    fitted = np.bincount(at, weights=fitted_accuracy(answers)[answers.fine_cell]) / count
    # Clustered items are worth fewer independent ones, so their noise is larger.
    worth = np.maximum(np.round(count * answers.resampling.worth(answers.right)), 1).astype(np.int64)
    gap = fitted - confidence
    size = float(np.abs(gap) @ count / count.sum())
    # A curve on the diagonal points nowhere; overconfidence is as good a direction as any.
    direction = gap / size if size > 1e-6 else -np.ones(len(seen))

    def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = np.zeros((len(values), cells))
        rows[:, seen] = values
        return rows

    def errors(right: NDArray[np.float64]) -> NDArray[np.float64]:
        items, sure = (np.broadcast_to(x, right.shape) for x in (count, count * confidence))
        return error(spread(items), spread(sure), spread(right))

    truths, medians = [], []
    for t in np.linspace(0.0, 1.0, STEPS) ** 1.5 * max(largest, 1e-6) * 1.3:
        share = np.clip(confidence + t * direction, 0.0, 1.0)
        rng = np.random.default_rng([answers.resampling.seed, 5])
        drawn = rng.binomial(worth, share, size=(SIMULATIONS, len(seen))) * (count / worth)
        truths.append(float(errors((count * share)[None])[0]))
        medians.append(float(np.median(errors(drawn))))
    truth, median = np.maximum.accumulate(truths), np.maximum.accumulate(medians)

    def correct(observed: NDArray[np.float64]) -> NDArray[np.float64]:
        beyond = np.maximum(observed - median[-1], 0.0)
        return np.asarray(np.where(observed <= median[0], 0.0, np.interp(observed, median, truth)) + beyond)

    return correct


def fitted_accuracy(answers: Answers) -> NDArray[np.float64]:
    """Accuracy as a smooth function of confidence, at each cell of the fine grid [cells].

    Logistic regression of being right on the confidence's logit, by Newton's method, with a prior of the weight
    of one observation around perfect calibration (intercept 0, slope 1), which also keeps it finite when all
    answers are right.
    """
    fine = answers.fine
    count, hits = fine.count.total, fine.right.total
    mean = np.divide(fine.confidence.total, count, out=np.full(len(count), 0.5), where=count > 0)
    logit = special.logit(mean.clip(1e-9, 1 - 1e-9))
    design = np.stack([np.ones_like(logit), logit], axis=1)
    weights = np.array([0.0, 1.0])
    for _ in range(50):
        p = special.expit(design @ weights)
        slope = design.T @ (hits - count * p) - (weights - [0.0, 1.0])
        curvature = (design * (count * p * (1 - p))[:, None]).T @ design + np.eye(2)
        step = np.linalg.solve(curvature, slope)
        weights = weights + step * min(1.0, 2.0 / float(np.abs(step).max() + 1e-300))
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(special.expit(design @ weights))
