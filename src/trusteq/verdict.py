"""From estimates and a policy to a verdict; no numbers are made here.

A rule is judged by where its estimate's interval lies. A dimension is EQUIVALENT when all its rules are, NOT
EQUIVALENT when one is not. The whole is EQUIVALENT when every required dimension is: to claim it falsely, every
one of the tests would have to be wrong, so none needs correction (intersection-union). What was not measured is
never EQUIVALENT.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Len

from trusteq.compare.measures import DIMENSIONS, in_words, judged_as, lacking
from trusteq.policy import Dimension, Rule  # noqa: TC001 - read where a record is
from trusteq.stats.equivalence import against
from trusteq.stats.estimate import Estimate  # noqa: TC001
from trusteq.stats.number import Count  # noqa: TC001
from trusteq.stats.power import detectable_margin, items_to_decide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trusteq.compare.measures import Measure
    from trusteq.policy import Policy

    Needs = Callable[[str], str | None]
    """What a measure needs and does not have, in words, by its name."""


class Outcome(StrEnum):
    """What an audit says of a rule, a dimension, or the whole."""

    EQUIVALENT = "EQUIVALENT"
    NOT_EQUIVALENT = "NOT EQUIVALENT"
    UNDECIDED = "UNDECIDED"
    NOT_MEASURED = "NOT MEASURED"


Whole = Literal[Outcome.EQUIVALENT, Outcome.NOT_EQUIVALENT, Outcome.UNDECIDED]
"""What it may say of the whole."""
ExitCode = Literal[0, 1, 3]

EXIT_CODES: Mapping[Outcome, ExitCode] = {
    Outcome.EQUIVALENT: 0,
    Outcome.NOT_EQUIVALENT: 1,
    Outcome.UNDECIDED: 3,
}


@dataclass(frozen=True)
class RuleVerdict:
    """One rule's outcome and why.

    ``items_needed`` would decide it, in ``clusters_needed`` clusters of the present size where items come in
    clusters; ``detectable`` is the smallest margin that this many items certify.
    """

    measure: str
    rule: Rule
    outcome: Outcome
    reason: str
    estimate: Estimate | None = None
    items_needed: Count | None = None
    detectable: float | None = None
    clusters_needed: Count | None = None

    def needed(self, dimension: str) -> str | None:
        """How much data would decide, in words; None where that is not known."""
        if self.items_needed is None:
            return None
        items = f"about {self.items_needed:,} {DIMENSIONS[dimension].counted}"
        return items if self.clusters_needed is None else f"{items} in {self.clusters_needed:,} clusters"


@dataclass(frozen=True)
class DimensionVerdict:
    """One dimension's outcome, from its rules."""

    dimension: Dimension
    outcome: Outcome
    required: bool
    rules: tuple[RuleVerdict, ...]


@dataclass(frozen=True)
class Verdict:
    """The outcome for one candidate, what it rests on, and why in one sentence."""

    outcome: Whole
    dimensions: Annotated[tuple[DimensionVerdict, ...], Len(len(DIMENSIONS), len(DIMENSIONS))]
    reason: str


def judge(
    measures: Mapping[str, Mapping[str, Estimate]],
    policy: Policy,
    *,
    cluster_size: float | None = None,
    own: Sequence[Measure] = (),
) -> Verdict:
    """The verdict on one candidate, from its estimates by dimension and measure.

    ``cluster_size`` is the mean number of items in a cluster; None where every item stands by itself. ``own`` are
    measures that are not trusteq's.
    """
    measured = {name for estimates in measures.values() for name in estimates}
    needs = partial(lacking, measured=measured, own=own)
    dimensions = tuple(_judge_dimension(d, measures.get(d, {}), policy, cluster_size, needs) for d in DIMENSIONS)
    required = [d for d in dimensions if d.required]
    outcomes = {d.outcome for d in required}
    if Outcome.NOT_EQUIVALENT in outcomes:
        whole: Whole = Outcome.NOT_EQUIVALENT
    elif outcomes == {Outcome.EQUIVALENT}:
        whole = Outcome.EQUIVALENT
    else:
        whole = Outcome.UNDECIDED
    return Verdict(whole, dimensions, _reason(whole, required, needs))


def _reason(whole: Whole, required: Sequence[DimensionVerdict], needs: Needs) -> str:
    """Why the required dimensions come to this, in one sentence."""
    if whole is Outcome.EQUIVALENT:
        return f"{_listed(d.dimension for d in required)} within margins"
    if whole is Outcome.NOT_EQUIVALENT:
        broken = (d for d in required if d.outcome is Outcome.NOT_EQUIVALENT)
        return "; ".join(r.reason for d in broken for r in d.rules if r.outcome is Outcome.NOT_EQUIVALENT)
    reasons = []
    for d in required:
        if d.outcome is Outcome.NOT_MEASURED:
            reasons.append(_unmeasured(d.dimension, [needs(r.measure) for r in d.rules]))
        elif d.outcome is Outcome.UNDECIDED:
            reasons += [r.reason for r in d.rules if r.outcome in {Outcome.UNDECIDED, Outcome.NOT_MEASURED}]
    return "; ".join(reasons)


def _judge_dimension(
    dimension: str,
    estimates: Mapping[str, Estimate],
    policy: Policy,
    cluster_size: float | None,
    needs: Needs,
) -> DimensionVerdict:
    required = dimension in policy.required
    judged = []
    for entered, rule in policy.rules.get(dimension, {}).items():
        name = judged_as(entered, estimates)
        estimate = estimates.get(name)
        if estimate is None:
            judged.append(_not_measured(name, rule, needs))
        else:
            judged.append(_judge_rule(name, rule, estimate, policy.min_items, cluster_size, dimension))
    outcomes = {r.outcome for r in judged}
    if Outcome.NOT_EQUIVALENT in outcomes:
        outcome = Outcome.NOT_EQUIVALENT
    elif not outcomes or outcomes == {Outcome.NOT_MEASURED}:
        outcome = Outcome.NOT_MEASURED
    elif outcomes == {Outcome.EQUIVALENT}:
        outcome = Outcome.EQUIVALENT
    else:
        outcome = Outcome.UNDECIDED
    return DimensionVerdict(dimension, outcome, required, tuple(judged))


def _not_measured(name: str, rule: Rule, needs: Needs) -> RuleVerdict:
    reason = _unmeasured(in_words(name), [needs(name)])
    return RuleVerdict(name, rule, Outcome.NOT_MEASURED, reason)


def _unmeasured(what: str, needs: Sequence[str | None]) -> str:
    """That something was not measured, and what it needs for that, as far as it is known."""
    known = list(dict.fromkeys(need for need in needs if need is not None))
    return f"{what} was not measured{f' (it needs {_listed(known)})' if known else ''}"


def _judge_rule(
    name: str, rule: Rule, estimate: Estimate, min_items: int, cluster_size: float | None, dimension: str
) -> RuleVerdict:
    low, high = rule.at_least, rule.at_most
    if not all(math.isfinite(x) for x in (estimate.value, estimate.low, estimate.high)):
        return RuleVerdict(
            name, rule, Outcome.UNDECIDED, f"{in_words(name)} {estimate} could not be computed", estimate
        )
    place = against(estimate, low, high)
    if rule.judged_on == "value":
        place = "inside" if rule.allows(estimate.value) else "outside"
    elif rule.judged_on == "significance" and place == "across":
        place = "inside"
    said = f"{in_words(name)} {estimate}"
    fewest = fewest_to_resample(estimate.level)
    # Some items are few of their clusters' and may be of as many clusters as there are of them.
    together = 1.0 if cluster_size is None or not DIMENSIONS[dimension].of_all else cluster_size
    if place == "outside" and rule.judged_on != "value" and estimate.n / together < fewest:
        units = DIMENSIONS[dimension].counted if together == 1 else "clusters"
        reason = f"{said} is not {rule}, but fewer than {fewest} {units} show nothing"
        return RuleVerdict(
            name, rule, Outcome.UNDECIDED, reason, estimate, max(math.ceil(fewest * together), min_items)
        )
    if place == "outside":
        return RuleVerdict(name, rule, Outcome.NOT_EQUIVALENT, f"{said} is not {rule}", estimate)
    detectable = detectable_margin(estimate, two_sided=low is not None and high is not None)
    if place == "across":
        items = items_to_decide(estimate, low, high)
        if items is not None and rule.allows(estimate.value):
            items = max(items, min_items)
        clusters = None if items is None or cluster_size is None else math.ceil(items / cluster_size)
        open_ = RuleVerdict(name, rule, Outcome.UNDECIDED, "", estimate, items, detectable, clusters)
        more = f"{open_.needed(dimension) or 'it lies on the margin; no number of items'} would decide"
        return replace(open_, reason=f"{said} may or may not be {rule}: {more}")
    if together > 1 and rule.judged_on == "interval" and estimate.n / together < fewest:
        reason = f"{said} is {rule}, but fewer than {fewest} clusters show nothing"
        return RuleVerdict(
            name, rule, Outcome.UNDECIDED, reason, estimate, max(math.ceil(fewest * together), min_items), detectable
        )
    if estimate.n < min_items:
        few = f"{estimate.n} {DIMENSIONS[dimension].counted} are fewer than the {min_items} that the policy asks for"
        reason = f"{said} is {rule}, but {few}"
        return RuleVerdict(name, rule, Outcome.UNDECIDED, reason, estimate, min_items, detectable)
    return RuleVerdict(name, rule, Outcome.EQUIVALENT, f"{said} is {rule}", estimate, None, detectable)


def fewest_to_resample(level: float) -> int:
    """Fewer items lie all on one side of what is true with a chance, 2^(1-n), that an interval of this level forbids.

    And what resamples make of them lies there, too.
    """
    return 1 + math.ceil(-math.log2(1 - level))


def _listed(names: object) -> str:
    words = [str(name) for name in names]  # type: ignore[attr-defined]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
