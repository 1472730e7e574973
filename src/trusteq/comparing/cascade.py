"""A cascade: the candidate answers what it is sure of, and the reference, asked for the rest, answers that.

For every cut-off of the candidate's confidence, the curve says what share of the items is *routed* to the reference,
and how often the two together then agree with the reference and are right. The routed items cannot differ any more.

A cut-off is chosen by fixed-sequence testing (Angelopoulos et al. 2021, "Learn then Test"): from the one that routes
most downwards, as long as the rules hold; the last one that holds is the choice. Its chance to break a rule is that
of a single test, however many cut-offs there are. What it does is estimated on items that had no part in the choice:
each fifth of the items (whole clusters) is routed by the cut-off chosen on the other four. The cut-off that is
recommended routes as many items as these five do.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - like others below, read where a record is
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.conditions import Term  # noqa: TC001
from trusteq.comparing.temperature import FOLDS, folds
from trusteq.comparing.thresholds import SAME_SHARE
from trusteq.stats.estimate import Estimate  # noqa: TC001
from trusteq.stats.number import Share  # noqa: TC001
from trusteq.tasks.outcomes import Outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

MOST_ROUTED = 0.5
"""The largest share that is worth routing: beyond, the reference does most of the work."""
SELECTION_LEVEL = 0.99
"""The level of the intervals by which a cut-off is chosen, if any holds at it, else the policy's: where an interval of
the policy's level just fits on four fifths of the items, it is a coin toss whether it does on the last."""
TRIED = tuple(thousandths / 1_000 for thousandths in (*range(500, 100, -10), *range(100, 0, -5)))
"""About what share the cut-offs route that are tried, in this order."""
DRAWN = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""About what share the cut-offs of the curve route."""


@dataclass(frozen=True)
class Together:
    """What the reference and the candidate do together if some items are routed to the reference.

    routed: the share of items that go to the reference. agreement: with the reference, over all items. accuracy: over
    all items; None without labels.
    """

    routed: Estimate
    agreement: Estimate
    accuracy: Estimate | None


@dataclass(frozen=True)
class CascadePoint(Together):
    """The same, if the items are those of which the candidate is less confident than a cut-off."""

    cut_off: Share


@dataclass(frozen=True)
class Rejudged:
    """How the two models together are judged, by the same rules.

    after: every judged measure of the two together. mends: the judged measures whose rules are brought within margins;
    harms: those whose rules get worse, of what the policy requires.
    """

    after: Mapping[str, Estimate]
    mends: tuple[str, ...]
    harms: tuple[str, ...]
    recommended: bool


@dataclass(frozen=True)
class TriedCutOff(Rejudged, CascadePoint):
    """A cut-off that was chosen; its estimates are of those that were chosen on the other folds of the items."""


@dataclass(frozen=True)
class TriedConditions(Rejudged, Together):
    """Routing items that meet any of these conditions; its estimates are of the half that was not searched for them."""

    conditions: tuple[tuple[Term, ...], ...]


@dataclass(frozen=True)
class Cascade:
    """The curve, by rising cut-off, and the cut-off and conditions that were chosen; None where none can be."""

    curve: tuple[CascadePoint, ...]
    by_confidence: TriedCutOff | None
    by_condition: TriedConditions | None


def cascade_curve(pair: Pair) -> tuple[CascadePoint, ...]:
    """What routing does at every cut-off of the curve, from routing nothing on."""
    confidence = pair.candidate.confidence
    cut_offs = [0.0, *sorted({*cut_offs_for(confidence, DRAWN)} - {0.0})]
    return tuple(CascadePoint(**together(pair, confidence < cut_off), cut_off=cut_off) for cut_off in cut_offs)


def together(pair: Pair, routed: NDArray[np.bool_], where: str = "") -> dict[str, Any]:
    """The share of routed items [items], and agreement and accuracy after it; ``where`` they were estimated, in words.

    Accuracy is None without labels.
    """
    share = cast("Callable[..., Estimate]", pair.resampling.share)  # None only for no items
    same = routed | (pair.reference.answer == pair.candidate.answer)
    right = np.where(routed, pair.reference.right, pair.candidate.right) if pair.labelled else None
    return {
        "routed": share(routed, what=f"asked of the reference{where}"),
        "agreement": share(same, what=f"same answer as the reference after routing{where}"),
        "accuracy": None if right is None else share(right, what=f"right answers after routing{where}"),
    }


def cut_offs_for(confidence: NDArray[np.float64], shares: Sequence[float]) -> list[float]:
    """Different cut-offs that route about these shares of the items, in the same order.

    They come from confidences [items] alone, and have at most three digits after the nines, so that they hold exactly
    as printed.
    """
    ordered = np.sort(confidence)
    at = [min(int(share * len(ordered)), len(ordered) - 1) for share in shares]
    return list(dict.fromkeys(_printable(float(ordered[i])) for i in at))


def _printable(confidence: float) -> float:
    """A confidence with three digits of what it lacks to 1: 0.99 + 0.00234 is 0.99234."""
    return max(0.0, round(1 - float(f"{1 - confidence:.2e}"), 12))


def routed_to_reference(pair: Pair, routed: NDArray[np.bool_]) -> Pair:
    """The pair with the reference's outcome in place of the candidate's where an item is routed [items]."""
    return replace(
        pair, candidate=Answers(_merged(pair.reference.outcomes, pair.candidate.outcomes, routed), pair.resampling)
    )


def _merged(reference: Outcomes, candidate: Outcomes, routed: NDArray[np.bool_]) -> Outcomes:
    """The reference's outcomes where routed, the candidate's elsewhere; only what is known of both."""

    def either(one: Any, other: Any) -> Any:
        if one is None or other is None:
            return None
        return np.where(routed if one.ndim == 1 else routed[:, None], one, other)

    numbers = {n: either(reference.numbers[n], x) for n, x in candidate.numbers.items() if n in reference.numbers}
    arrays = {
        name: either(getattr(reference, name), getattr(candidate, name))
        for name in ("answer", "confidence", "right", "distribution", "gold", "chance")
    }
    return Outcomes(**arrays, item=candidate.item, numbers=numbers)


def cross_fitted(pair: Pair, holds: Callable[[Pair], bool]) -> tuple[float, NDArray[np.bool_]] | None:
    """The cut-off, and which items are routed [items]: each fold's by the cut-off that was chosen on the other folds.

    The cut-off is the one that routes as many items as these five do. ``holds``: whether the rules hold of a pair,
    from its answers and which of them are right alone. None if there is no choice on the other folds of one, or no
    cut-off routes about as many: many items may have the same confidence.
    """
    pair = _answers_alone(pair)
    levels = (max(SELECTION_LEVEL, pair.resampling.level), pair.resampling.level)
    tried = [c for c in cut_offs_for(pair.candidate.confidence, TRIED) if c > 0]
    fold, routed = folds(pair.resampling), np.zeros(pair.resampling.n, dtype=np.bool_)
    for f in range(FOLDS):
        others = np.flatnonzero(fold != f)
        chosen = (_chosen(part_of(pair, others, level=level), tried, holds) for level in levels)
        cut_off = next((one for one in chosen if one is not None), None)
        if cut_off is None:
            return None
        routed |= (fold == f) & (pair.candidate.confidence < cut_off)
    confidence, count = pair.candidate.confidence, int(np.count_nonzero(routed))
    cut_off = _printable(float(np.sort(confidence)[min(count, len(confidence) - 1)]))
    return (cut_off, routed) if abs((confidence < cut_off).mean() - routed.mean()) <= SAME_SHARE else None


def _chosen(pair: Pair, cut_offs: Sequence[float], holds: Callable[[Pair], bool]) -> float | None:
    """The last of the cut-offs, tried in this order, up to which the rules hold; None if not even for the first."""
    chosen = None
    for cut_off in cut_offs:
        routed = pair.candidate.confidence < cut_off
        if routed.mean() > MOST_ROUTED:
            continue
        if not holds(routed_to_reference(pair, routed)):
            break
        chosen = cut_off
    return chosen


def _answers_alone(pair: Pair) -> Pair:
    """The pair without probabilities other than the answers' own: what is counted needs none."""

    def bare(answers: Answers) -> Answers:
        return replace(answers, outcomes=replace(answers.outcomes, distribution=None, chance=None, numbers={}))

    return replace(pair, reference=bare(pair.reference), candidate=bare(pair.candidate))


def part_of(pair: Pair, at: NDArray[np.int64], *, level: float | None = None) -> Pair:
    """The pair on the items at these positions, with intervals of this level; by default, as they were."""
    resampling = pair.resampling.part(at)
    resampling = resampling if level is None else resampling.at(level)
    reference, candidate = (Answers(one.outcomes.take(at), resampling) for one in (pair.reference, pair.candidate))
    return replace(pair, reference=reference, candidate=candidate)
