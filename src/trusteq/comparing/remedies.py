"""What a map of confidence does to a candidate: measured on held-out folds, before and after, overall and by part.

A map is fitted five times, each time without a fifth of the items (whole clusters), and applied to that fifth. So every
item has a probability from a map that has not seen it, and any measure can be taken of the candidate after the map.

A map *harms* the candidate itself if its negative log likelihood, Brier score or smooth ECE is shown to rise. It
harms a part of the items (a label, an answer, a slice, a range of confidence) in one of two ways. Its score is shown to
become worse than it was and worse than the reference's. Or its mean confidence is shown to move further from the
reference's, and is not shown to come nearer to its own accuracy; by less than `TOLERATED` is no harm. (Confidence has
hardly any noise where two models agree; accuracy has much. So a move away from the reference has to be shown to be
right, not to be wrong.) Gold labels are not judged by scores, which are proper only for items chosen without knowing
the answer. All p-values of a map's parts are corrected together (Holm), so that the chance to refuse a harmless map for
them is `ALPHA` at most.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - like others below, read where a record is
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy

from trusteq.comparing import scores
from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.calibration_fault import Fault, Part  # noqa: TC001 - read where a record is
from trusteq.comparing.confidence_maps import FITS, ConfidenceMap, MapName
from trusteq.comparing.slices import LABEL
from trusteq.comparing.smooth_calibration import smooth_calibration
from trusteq.comparing.temperature import (
    FOLDS,
    fitted_temperature,
    folds,
    probabilities_of,
    targets_of,
    with_probabilities,
)
from trusteq.comparing.thresholds import CutOff  # noqa: TC001
from trusteq.stats.estimate import Estimate
from trusteq.stats.multiplicity import holm
from trusteq.stats.proportions import quantile_of_normal
from trusteq.stats.rows import floored_log, taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Target = Literal["recalibrated", "matched"]
ALPHA = 0.05
TOLERATED = 0.01
"""A change of a part's mean confidence that is never harm."""
LABELS = 50
"""More labels than these are not given a scale and a bias each."""
ITEMS_A_PARAMETER = 20
"""The fewest items for each number that vector scaling fits."""


@dataclass(frozen=True)
class Harm:
    """A measure that gets worse: of all items, or of those with one value of a column.

    change: after minus before. p_value: corrected over all parts; None for all items and for judged rules, whose
    interval or outcome says so.
    """

    measure: str
    column: str | None
    value: str | None
    change: Estimate | None
    p_value: float | None = None


@dataclass(frozen=True)
class TriedMap:
    """One map of confidence and what it does.

    map, target: which function, and whether it is fitted to the gold labels or to the reference's confidence. column,
    value: the part of the items that it applies to; None for all. parameters: the map fitted to all items, labels in
    the order of the audit. temperature: T with its interval, for a single temperature. after: every judged measure of
    the candidate after the map, on held-out folds. own: the candidate's own scores after minus before. moved: the mean
    size of the change of confidence. mends: the judged measures whose rules are brought within margins. recommended:
    whether it is the simplest of those that mend most and harm nothing.
    """

    map: MapName
    target: Target
    column: str | None
    value: str | None
    parameters: Mapping[str, tuple[float, ...]]
    temperature: Estimate | None
    after: Mapping[str, Estimate]
    own: Mapping[str, Estimate]
    moved: Estimate
    mends: tuple[str, ...]
    harms: tuple[Harm, ...]
    recommended: bool


@dataclass(frozen=True)
class Recalibration:
    """The kind of fault of a candidate's confidence, the maps tried, and its cut-offs in place of the reference's."""

    fault: Fault
    maps: tuple[TriedMap, ...]
    cut_offs: tuple[CutOff, ...]


@dataclass(frozen=True)
class Attempt:
    """A map, its target and the part that it applies to, if not to all items."""

    map: MapName
    target: Target
    part: Part | None = None


@dataclass(frozen=True)
class Mapped:
    """An attempt fitted to all items, and the pair with the candidate's held-out probabilities."""

    attempt: Attempt
    fitted: ConfidenceMap
    temperature: Estimate | None
    pair: Pair


def attempts(pair: Pair, part: Part | None) -> Iterator[Attempt]:
    """The maps that make sense for a pair, the simplest first; ``part`` is the one that the fault lies in, if any.

    Of maps that are as simple, the one that matches the reference comes first: it is no guess about the labels.
    """
    outcomes = pair.candidate.outcomes
    targets: tuple[Target, ...] = ("matched", "recalibrated") if pair.labelled else ("matched",)
    yield from (Attempt("temperature", target) for target in targets)
    if part is not None:
        yield from (Attempt("temperature", target, part) for target in targets)
    if outcomes.distribution is not None:
        yield from (Attempt("by answer", target) for target in targets)
    yield from (Attempt("isotonic", target) for target in targets)
    if outcomes.distribution is not None and outcomes.gold is not None:
        labels = outcomes.distribution.shape[1]
        if labels <= LABELS and pair.resampling.n >= 2 * labels * ITEMS_A_PARAMETER:
            yield Attempt("vector", "recalibrated")


def mapped(pair: Pair, attempt: Attempt) -> Mapped:
    """The candidate after a cross-fitted map."""
    outcomes = pair.candidate.outcomes
    binary = outcomes.distribution is None
    p, targets, fit = probabilities_of(outcomes), targets_of(pair, attempt.target), FITS[attempt.map]
    touched = np.ones(len(p), dtype=np.bool_) if attempt.part is None else attempt.part.mask(len(p))
    fold, made = folds(pair.resampling), p.copy()
    for f in range(FOLDS):
        held_out, kept = touched & (fold == f), touched & (fold != f)
        if held_out.any() and kept.any():
            made[held_out] = fit(taken(p, kept), targets[kept], binary=binary).applied(taken(p, held_out))
    temperature = None
    if attempt.map == "temperature":
        of_touched = pair.resampling if attempt.part is None else pair.resampling.part(attempt.part.inside)
        temperature = fitted_temperature(taken(p, touched), targets[touched], of_touched, binary=binary)
    candidate = Answers(with_probabilities(outcomes, made), pair.resampling)
    fitted = fit(taken(p, touched), targets[touched], binary=binary)
    return Mapped(attempt, fitted, temperature, replace(pair, candidate=candidate))


def own_changes(pair: Pair, after: Pair) -> dict[str, Estimate]:
    """The candidate's own scores after minus before, paired: negative log likelihood, Brier, smooth ECE, accuracy."""
    if not pair.labelled:
        return {}
    changes = pair.resampling.means(
        {
            name: (_score(name, after.candidate) - _score(name, pair.candidate), f"{words}, after minus before")
            for name, words in (("nll", "negative log likelihood"), ("brier", "Brier score"))
        }
    )
    alone = Pair(pair.candidate, after.candidate, dimensions=pair.dimensions)
    smooth = alone.measured(smooth_calibration)["smooth_ece_difference"]
    changes["smooth_ece"] = replace(
        smooth, method=smooth.method.replace("candidate minus reference", "after minus before")
    )
    if (pair.candidate.answer != after.candidate.answer).any():
        changes["accuracy"] = pair.resampling.share_difference(
            pair.candidate.right, after.candidate.right, what="accuracy, after minus before"
        )
    return changes


def moved(pair: Pair, after: Pair) -> Estimate:
    """How far the map moves the confidence of an item, on average."""
    shift = np.abs(after.candidate.confidence - pair.candidate.confidence)
    return pair.resampling.mean(shift, what="mean size of the change of an item's confidence by the map")


def harmed_parts(pair: Pair, after: Pair, found: Sequence[Part]) -> tuple[Harm, ...]:
    """The parts that become worse than they were and worse than the reference is, each by its most certain measure."""
    unit = pair.resampling.unit
    names = ("nll", "brier", "overconfidence") if pair.labelled else ("overconfidence",)
    values = {
        name: tuple(_value(name, pair, who) for who in (after.candidate, pair.candidate, pair.reference))
        for name in names
    }
    confidence = pair.reference.confidence
    values["overconfidence"] += tuple(who.confidence - confidence for who in (after.candidate, pair.candidate))
    tested = [
        (part, name, *_worse(name, [x[part.inside] for x in values[name]], unit[part.inside], labelled=pair.labelled))
        for part in found
        for name in (names if part.column != LABEL else names[-1:])
    ]
    adjusted = holm([p for *_, p in tested])
    harms: dict[tuple[str, str], Harm] = {}
    for (part, name, change, error, _), p in zip(tested, adjusted, strict=True):
        known = harms.get((part.column, part.value))
        if p < ALPHA and (known is None or p < (known.p_value or 0.0)):
            low, high = (change + side * quantile_of_normal(pair.resampling.level) * error for side in (-1, 1))
            method = f"{WORDS[name]}, after minus before; normal, robust to clusters"
            if not pair.labelled:
                method = method.replace("accuracy", "the reference's")
            n = pair.resampling.items_among(part.mask(pair.resampling.n))
            estimate = Estimate(change, low, high, n, method, pair.resampling.level)
            harms[part.column, part.value] = Harm(name, part.column, part.value, estimate, p)
    return tuple(harms.values())


WORDS = {
    "nll": "negative log likelihood",
    "brier": "Brier score",
    "overconfidence": "distance of mean confidence from accuracy",
}


def _worse(
    name: str, values: Sequence[NDArray[np.float64]], unit: NDArray[np.int64], *, labelled: bool
) -> tuple[float, float, float]:
    """The change of a part's figure, its standard error, and the p-value of "the part is not harmed".

    From the items' values after the map, before it, and of the reference, all [items of the part]; for overconfidence,
    then the distances from the reference's confidence after the map and before it.
    """
    after, before, reference, *shifts = values
    if name != "overconfidence":
        change, error = _mean_and_error(after - before, unit)
        return change, error, max(_p_positive(after - other, unit) for other in (before, reference))
    a, b = (np.sign(x.mean()) * x for x in (after, before))
    change, error = _mean_and_error(a - b, unit)
    nearer = labelled and _p_larger(before, after, unit) < ALPHA
    if abs((after - before).mean()) < TOLERATED or nearer:
        return change, error, 1.0
    away, away_before = shifts
    return change, error, _p_larger(away, away_before, unit)


def _p_larger(a: NDArray[np.float64], b: NDArray[np.float64], unit: NDArray[np.int64]) -> float:
    """The p-value of |mean a| <= |mean b|, both [items].

    |a| > |b| where a - b and a + b have the same sign; that is shown if each is (intersection-union).
    """
    side = np.sign((a - b).mean())
    return max(_p_positive(side * x, unit) for x in (a - b, a + b))


def _p_positive(x: NDArray[np.float64], unit: NDArray[np.int64]) -> float:
    """The one-sided p-value that the mean of ``x`` [items] is not above 0, robust to clusters."""
    mean, error = _mean_and_error(x, unit)
    if error <= 1e-12:
        return 0.0 if mean > 1e-9 else 1.0
    return float(scipy.special.stdtr(max(len(np.unique(unit)) - 1, 1), -mean / error))


def _mean_and_error(x: NDArray[np.float64], unit: NDArray[np.int64]) -> tuple[float, float]:
    """The mean of values [items] and its standard error, robust to clusters."""
    mean = float(x.mean())
    _, at = np.unique(unit, return_inverse=True)
    sums = np.bincount(at, weights=x - mean)
    units = len(sums)
    return mean, float(np.sqrt(np.square(sums).sum() * units / max(units - 1, 1))) / len(x)


def _value(name: str, pair: Pair, who: Answers) -> NDArray[np.float64]:
    """Each item's value [items] of a measure that a part can lose by."""
    if name != "overconfidence":
        return _score(name, who)
    yardstick = who.right if pair.labelled else pair.reference.confidence
    return who.confidence - yardstick


def _score(name: str, who: Answers) -> NDArray[np.float64]:
    """Each item's proper score [items]; if no labels are shared, of the confidence as a forecast of being right."""
    if who.outcomes.distribution is not None and who.gold is not None:
        return scores.nll(who) if name == "nll" else scores.brier(who)
    of_truth = np.where(who.right, who.confidence, 1 - who.confidence)
    return -floored_log(of_truth) if name == "nll" else 2 * np.square(1 - of_truth)
