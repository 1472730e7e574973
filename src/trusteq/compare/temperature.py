"""Remedy: one temperature for the candidate, and what it mends.

One number T divides the candidate's logits. It cannot change an answer, only how sure the model is: what it
closes is a cheap repair, what stays open is information lost. Two targets: the gold labels (*recalibrated*) and
the reference's mean confidence (*matched*, needs no labels). T is cross-fitted: each item is cooled by a T
that has not seen it or its cluster.

*Matched* does not minimise the divergence from the reference: that flattens a candidate wherever the two disagree,
though no temperature mends disagreement, and would make a candidate that is as sure as the reference less sure.

Outcomes without a distribution have a confidence alone: T then divides its log-odds, as if all other answers were one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize

from trusteq.compare.answers import Answers, Pair
from trusteq.stats.rows import floored_log, largest, parts, row_sums, taken
from trusteq.tasks.outcomes import most_probable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.stats.estimate import Estimate

FOLDS = 5
COLDEST, HOTTEST = 0.02, 50.0
"""The temperatures that are tried."""
TRIED = 21
"""Temperatures among which the nearest that fits is looked for, where there may be several."""
_BETA = (1 / HOTTEST, 1 / COLDEST)


@dataclass(frozen=True)
class Remedy:
    """A temperature for the candidate and the pair after it."""

    target: str
    temperature: Estimate
    pair: Pair


def remedy(pair: Pair, target: str) -> Remedy:
    """The candidate cooled by a cross-fitted temperature towards ``target``: "recalibrated" or "matched"."""
    outcomes = pair.candidate.outcomes
    whole = outcomes.distribution
    p = _against_the_rest(outcomes.confidence) if whole is None else whole
    wanted = _wanted(pair, target)
    resampling = pair.resampling
    fold = np.random.default_rng([resampling.seed, 4]).permutation(resampling.units)[resampling.unit] % FOLDS
    cooled = np.empty_like(p)
    for f in range(FOLDS):
        inside, outside = fold == f, fold != f
        # A sample too small to leave a fold out is fitted whole.
        fit = outside if outside.any() else inside
        beta = fit_inverse_temperature(floored_log(taken(p, fit)), wanted[fit], against_the_rest=whole is None)
        cooled[inside] = scaled(floored_log(taken(p, inside)), beta)
    after = (
        replace(outcomes, confidence=np.ascontiguousarray(cooled[:, 0]))
        if whole is None
        else most_probable(cooled, outcomes.gold, outcomes.item)
    )
    return Remedy(
        target,
        _temperature(floored_log(p), wanted, pair, against_the_rest=whole is None),
        replace(pair, candidate=Answers(after, resampling)),
    )


def _against_the_rest(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities [outcomes, 2] of the answer and of anything else."""
    return np.stack([confidence, 1 - confidence], axis=1)


def _wanted(pair: Pair, target: str) -> NDArray[Any]:
    """What a temperature is to come close to [outcomes]: the right answer's column, or the reference's confidence."""
    if target == "matched":
        return pair.reference.confidence
    outcomes = pair.candidate.outcomes
    if outcomes.distribution is None:
        return np.where(pair.candidate.right, 0, 1)
    assert outcomes.gold is not None  # noqa: S101 - not asked without labels
    return outcomes.gold


def scaled(logs: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    """Probabilities [items, labels] of log probabilities times beta = 1 / T."""
    z = beta * logs
    z -= largest(z)[:, None]
    e = np.exp(z, out=z)
    return np.divide(e, row_sums(e)[:, None], out=e)


def fit_inverse_temperature(
    logs: NDArray[np.float64], wanted: NDArray[Any], *, against_the_rest: bool = False
) -> float:
    """The beta = 1 / T that comes closest to what is wanted, by Newton's method.

    Wanted labels [items], as codes, or probabilities [items, labels]: the beta of least cross-entropy to them, which
    is convex in beta. Wanted confidences [items]: the beta with their mean, for confidence rises with beta. Where none
    is found (all answers right), the bound is returned. ``against_the_rest``: the first of two columns is the answer's,
    be it the larger or not.
    """
    low, high = _BETA
    beta = 1.0
    slopes = _Slopes(logs, wanted, against_the_rest=against_the_rest)
    if against_the_rest and slopes.of_confidence:
        return _nearest(slopes)
    for _ in range(60):
        slope, curvature = (float(x.mean()) for x in slopes.at(beta))
        low, high = (low, beta) if slope > 0 else (beta, high)
        step = beta - slope / curvature if curvature > 0 else np.inf
        # Newton where it stays inside the bracket, bisection elsewhere.
        after = step if low < step < high else float(np.sqrt(low * high))
        if abs(after - beta) <= 1e-10 * beta:
            return after
        beta = after
    return beta


def _nearest(slopes: _Slopes) -> float:
    """The beta nearest to 1 that gives the wanted mean confidence; of none that does, the one that comes closest.

    A confidence below one half falls as beta rises, so there may be several.
    """

    def gap(log_beta: float) -> float:
        return float(slopes.at(float(np.exp(log_beta)))[0].mean())

    tried = np.linspace(np.log(_BETA[0]), np.log(_BETA[1]), TRIED)
    gaps = np.array([gap(x) for x in tried])
    crossed = np.flatnonzero(np.sign(gaps[1:]) != np.sign(gaps[:-1]))
    if not crossed.size:
        return float(np.exp(tried[np.lexsort((np.abs(tried), np.abs(gaps)))[0]]))
    at = crossed[np.abs(tried[crossed] + tried[crossed + 1]).argmin()]
    return float(np.exp(optimize.brentq(gap, tried[at], tried[at + 1], xtol=1e-12)))


class _Slopes:
    """Each item's part in what a fit brings to 0 on average, and its derivative in beta."""

    def __init__(self, logs: NDArray[np.float64], wanted: NDArray[Any], *, against_the_rest: bool = False) -> None:
        self.logs = logs
        self.of_answer = _first if against_the_rest else largest
        self.of_confidence = wanted.ndim == 1 and wanted.dtype.kind == "f"
        self.wanted = wanted if self.of_confidence else _mean_log(logs, wanted)

    def at(self, beta: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both [items], at this beta."""
        slope, curvature = np.empty(len(self.logs)), np.empty(len(self.logs))
        for part in parts(*self.logs.shape):
            slope[part], curvature[part] = self._of(self.logs[part], self.wanted[part], beta)
        return slope, curvature

    def _of(
        self, logs: NDArray[np.float64], wanted: NDArray[np.float64], beta: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        p = scaled(logs, beta)
        mean = row_sums(p * logs)
        if self.of_confidence:
            confidence = self.of_answer(p)
            return confidence - wanted, confidence * (self.of_answer(logs) - mean)
        return mean - wanted, row_sums(p * np.square(logs)) - np.square(mean)


def _first(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return p[:, 0]


def _mean_log(logs: NDArray[np.float64], wanted: NDArray[Any]) -> NDArray[np.float64]:
    """Each item's mean log probability [items] over the labels that are wanted: codes, or probabilities."""
    if wanted.ndim == 1:
        return np.take_along_axis(logs, wanted[:, None], axis=1)[:, 0]
    return row_sums(wanted * logs)


def _temperature(logs: NDArray[np.float64], wanted: NDArray[Any], pair: Pair, *, against_the_rest: bool) -> Estimate:
    """T on all items, with the interval of the first-order sampling error of its logarithm, cut to the fit's bounds."""
    beta = fit_inverse_temperature(logs, wanted, against_the_rest=against_the_rest)
    slope, curvature = _Slopes(logs, wanted, against_the_rest=against_the_rest).at(beta)
    # d log T = slope / mean curvature / beta for each item. Without curvature any T does as well.
    flat = abs(float(curvature.mean())) * beta**2 < 1e-12
    pull = np.zeros(len(slope)) if flat else slope / float(curvature.mean()) / beta
    log_t = pair.resampling.mean(pull - pull.mean(), what="temperature, linearised in its logarithm")
    coldest, hottest = -np.log(_BETA[1] / beta), -np.log(_BETA[0] / beta)
    low, high = (coldest, hottest) if flat else np.clip([log_t.low, log_t.high], coldest, hottest)
    value = 1 / beta
    return replace(
        log_t, value=value, low=min(float(np.exp(low)) / beta, value), high=max(float(np.exp(high)) / beta, value)
    )
