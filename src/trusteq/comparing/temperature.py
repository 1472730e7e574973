"""Remedy: one temperature for the candidate, and what it corrects.

A single number T divides the candidate's logits. It cannot change an answer, only its confidence: the part of an error
that it removes is cheap to correct, the rest is lost information. There are two targets: the gold labels
(*recalibrated*) and the reference's mean confidence (*matched*, which needs no labels). T is cross-fitted: each item is
scaled by a T fitted without it and its cluster.

*Matched* does not minimise the divergence from the reference: that would flatten a candidate wherever the two disagree,
although no temperature corrects disagreement, and make an equally confident candidate less confident.

Outcomes without a distribution have only a confidence: T then divides its log-odds, as if all other answers were one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from trusteq.comparing.answers import Answers, Pair
from trusteq.stats.rows import floored_log, largest, parts, row_sums, taken
from trusteq.tasks.outcomes import most_probable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.stats.estimate import Estimate
    from trusteq.stats.resampling import Resampling
    from trusteq.tasks.outcomes import Outcomes

FOLDS = 5
COLDEST, HOTTEST = 0.02, 50.0
"""The range of temperatures."""
STARTS = 21
"""Temperatures from which the search starts if several may fit."""
_BETA = (1 / HOTTEST, 1 / COLDEST)


@dataclass(frozen=True)
class Remedy:
    """A temperature for the candidate and the pair after it."""

    target: str
    temperature: Estimate
    pair: Pair


def remedy(pair: Pair, target: str) -> Remedy:
    """The candidate scaled by a cross-fitted temperature towards ``target``: "recalibrated" or "matched"."""
    outcomes = pair.candidate.outcomes
    binary = outcomes.distribution is None
    p, targets = probabilities_of(outcomes), targets_of(pair, target)
    fold = folds(pair.resampling)
    scaled_p = np.empty_like(p)
    for f in range(FOLDS):
        inside, outside = fold == f, fold != f
        # A sample too small to leave out a fold is fitted completely.
        fit = outside if outside.any() else inside
        beta = fit_inverse_temperature(floored_log(taken(p, fit)), targets[fit], binary=binary)
        scaled_p[inside] = scaled(floored_log(taken(p, inside)), beta)
    return Remedy(
        target,
        fitted_temperature(p, targets, pair.resampling, binary=binary),
        replace(pair, candidate=Answers(with_probabilities(outcomes, scaled_p), pair.resampling)),
    )


def folds(resampling: Resampling) -> NDArray[np.int64]:
    """The fold of each item [items]; those of a cluster are in the same one."""
    return np.asarray(
        np.random.default_rng([resampling.seed, 4]).permutation(resampling.units)[resampling.unit] % FOLDS
    )


def probabilities_of(outcomes: Outcomes) -> NDArray[np.float64]:
    """The probabilities that a map changes [outcomes, labels]; of the answer and the rest if no labels are shared."""
    return _answer_and_rest(outcomes.confidence) if outcomes.distribution is None else outcomes.distribution


def with_probabilities(outcomes: Outcomes, p: NDArray[np.float64]) -> Outcomes:
    """The outcomes with these probabilities [outcomes, labels] in place of `probabilities_of`."""
    if outcomes.distribution is None:
        return replace(outcomes, confidence=np.ascontiguousarray(p[:, 0]))
    return most_probable(p, outcomes.gold, outcomes.item)


def _answer_and_rest(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities [outcomes, 2] of the answer and of all other answers."""
    return np.stack([confidence, 1 - confidence], axis=1)


def targets_of(pair: Pair, target: str) -> NDArray[Any]:
    """What a temperature is fitted to [outcomes]: the right answer's column, or the reference's confidence."""
    if target == "matched":
        return pair.reference.confidence
    outcomes = pair.candidate.outcomes
    if outcomes.distribution is None:
        return np.where(pair.candidate.right, 0, 1)
    assert outcomes.gold is not None  # noqa: S101 - not computed without labels
    return outcomes.gold


def scaled(logs: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    """Probabilities [items, labels] of log probabilities times beta = 1 / T."""
    z = beta * logs
    z -= largest(z)[:, None]
    e = np.exp(z, out=z)
    return np.divide(e, row_sums(e)[:, None], out=e)


def fit_inverse_temperature(logs: NDArray[np.float64], targets: NDArray[Any], *, binary: bool = False) -> float:
    """The beta = 1 / T that comes closest to the targets, by Newton's method.

    For targets that are labels [items], as codes, or probabilities [items, labels]: the beta with the lowest
    cross-entropy, which is convex in beta. For confidences [items]: the beta with the same mean, since confidence rises
    with beta. If there is none (all answers right), the bound is returned. ``binary``: the first of two columns is the
    answer's, whether it is the larger or not.
    """
    low, high = _BETA
    beta = 1.0
    slopes = _Slopes(logs, targets, binary=binary)
    if binary and slopes.of_confidence:
        return _nearest(slopes)
    for _ in range(60):
        slope, curvature = (float(x.mean()) for x in slopes.at(beta))
        low, high = (low, beta) if slope > 0 else (beta, high)
        step = beta - slope / curvature if curvature > 0 else np.inf
        # Newton's step if it stays inside the bracket, otherwise bisection.
        after = step if low < step < high else float(np.sqrt(low * high))
        if abs(after - beta) <= 1e-10 * beta:
            return after
        beta = after
    return beta


def _nearest(slopes: _Slopes) -> float:
    """The beta closest to 1 that gives the target mean confidence; if there is none, the one that comes closest.

    A confidence below one half falls as beta rises, so there may be several.
    """

    def gap(log_beta: float) -> float:
        return float(slopes.at(float(np.exp(log_beta)))[0].mean())

    starts = np.linspace(np.log(_BETA[0]), np.log(_BETA[1]), STARTS)
    gaps = np.array([gap(x) for x in starts])
    crossed = np.flatnonzero(np.sign(gaps[1:]) != np.sign(gaps[:-1]))
    if not crossed.size:
        return float(np.exp(starts[np.lexsort((np.abs(starts), np.abs(gaps)))[0]]))
    at = crossed[np.abs(starts[crossed] + starts[crossed + 1]).argmin()]
    return float(np.exp(scipy.optimize.brentq(gap, starts[at], starts[at + 1], xtol=1e-12)))


class _Slopes:
    """Each item's part of the slope that a fit brings to 0 on average, and its derivative in beta."""

    def __init__(self, logs: NDArray[np.float64], targets: NDArray[Any], *, binary: bool = False) -> None:
        self.logs = logs
        self.of_answer = _first if binary else largest
        self.of_confidence = targets.ndim == 1 and targets.dtype.kind == "f"
        self.targets = targets if self.of_confidence else _mean_log(logs, targets)

    def at(self, beta: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both [items], at this beta."""
        slope, curvature = np.empty(len(self.logs)), np.empty(len(self.logs))
        for part in parts(*self.logs.shape):
            slope[part], curvature[part] = self._of(self.logs[part], self.targets[part], beta)
        return slope, curvature

    def _of(
        self, logs: NDArray[np.float64], targets: NDArray[np.float64], beta: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        p = scaled(logs, beta)
        mean = row_sums(p * logs)
        if self.of_confidence:
            confidence = self.of_answer(p)
            return confidence - targets, confidence * (self.of_answer(logs) - mean)
        return mean - targets, row_sums(p * np.square(logs)) - np.square(mean)


def _first(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return p[:, 0]


def _mean_log(logs: NDArray[np.float64], targets: NDArray[Any]) -> NDArray[np.float64]:
    """Each item's mean log probability [items] over the target labels, which are codes or probabilities."""
    if targets.ndim == 1:
        return np.take_along_axis(logs, targets[:, None], axis=1)[:, 0]
    return row_sums(targets * logs)


def fitted_temperature(
    p: NDArray[np.float64], targets: NDArray[Any], resampling: Resampling, *, binary: bool
) -> Estimate:
    """T on all items, with the interval of the first-order sampling error of its logarithm, clipped to the range."""
    logs = floored_log(p)
    beta = fit_inverse_temperature(logs, targets, binary=binary)
    slope, curvature = _Slopes(logs, targets, binary=binary).at(beta)
    # d log T = slope / mean curvature / beta for each item. Without curvature, every T fits equally well.
    flat = abs(float(curvature.mean())) * beta**2 < 1e-12
    influence = np.zeros(len(slope)) if flat else slope / float(curvature.mean()) / beta
    log_t = resampling.mean(influence - influence.mean(), what="temperature, linearised in its logarithm")
    lowest, highest = -np.log(_BETA[1] / beta), -np.log(_BETA[0] / beta)
    low, high = (lowest, highest) if flat else np.clip([log_t.low, log_t.high], lowest, highest)
    value = 1 / beta
    return replace(
        log_t, value=value, low=min(float(np.exp(low)) / beta, value), high=max(float(np.exp(high)) / beta, value)
    )
