"""From estimates and a policy to a verdict; nothing is estimated here.

A rule is judged by where its estimate's interval lies. A dimension is EQUIVALENT when all its rules are, NOT
EQUIVALENT when one is not. The whole is EQUIVALENT when every required dimension is: to claim it falsely, every
one of the tests would have to be wrong, so none needs correction (intersection-union). Whatever was not measured is
never EQUIVALENT.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from annotated_types import Len

from trusteq.comparing.measures import (
    DIMENSIONS,
    NEEDS,
    chance_of,
    constant_chance,
    dimensions_of,
    find_measure,
    in_words,
    is_lower_bound,
    judged_as,
    missing_need,
)
from trusteq.policy import Dimension, Rule  # noqa: TC001 - read where a record is
from trusteq.stats.equivalence import against
from trusteq.stats.estimate import Estimate  # noqa: TC001
from trusteq.stats.number import Count  # noqa: TC001
from trusteq.stats.outlook import Outlook, outlook
from trusteq.stats.power import detectable_margin, items_to_decide
from trusteq.tasks.task import CLASSES, task_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence, Set

    from trusteq.comparing.measures import Measure
    from trusteq.policy import Policy
    from trusteq.tasks.task import Task

    Needs = Callable[[str], str | None]
    """What a measure of this name needs and does not have, in words."""


class Outcome(StrEnum):
    """What an audit says of a rule, a dimension, or the whole."""

    EQUIVALENT = "EQUIVALENT"
    NOT_EQUIVALENT = "NOT EQUIVALENT"
    UNDECIDED = "UNDECIDED"
    NOT_MEASURED = "NOT MEASURED"


Whole = Literal[Outcome.EQUIVALENT, Outcome.NOT_EQUIVALENT, Outcome.UNDECIDED]
"""The outcomes that the whole can have."""
ExitCode = Literal[0, 1, 3]

EXIT_CODES: Mapping[Outcome, ExitCode] = {
    Outcome.EQUIVALENT: 0,
    Outcome.NOT_EQUIVALENT: 1,
    Outcome.UNDECIDED: 3,
}


@dataclass(frozen=True)
class RuleVerdict:
    """One rule's outcome and why.

    ``items_needed``: how many items would decide, in ``clusters_needed`` clusters of the present size if items come in
    clusters. ``detectable``: how far a margin must lie from the true value for this number of items to certify it.
    ``outlook``: which way an undecided rule leans, and how more items are likely to decide it.
    """

    measure: str
    rule: Rule
    outcome: Outcome
    reason: str
    estimate: Estimate | None = None
    items_needed: Count | None = None
    detectable: float | None = None
    clusters_needed: Count | None = None
    outlook: Outlook | None = None

    @property
    def at_margin(self) -> bool:
        """Whether it is undecided and so close to the margin that no number of items is likely to decide."""
        return self.outlook is not None and self.outlook.step == "a decision"

    def needed(self, dimension: str) -> str | None:
        """How much data would decide, in words; None if that is not known, or more than anybody collects."""
        if self.items_needed is None or self.at_margin:
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
    """The outcome for one candidate, the dimensions it is based on, and the reason in one sentence."""

    outcome: Whole
    dimensions: Annotated[tuple[DimensionVerdict, ...], Len(1, len(DIMENSIONS))]
    reason: str

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}"


def judge(
    measures: Mapping[str, Mapping[str, Estimate]],
    policy: Policy,
    *,
    cluster_size: float | None = None,
    explained_clusters: int | None = None,
    own_measures: Sequence[Measure] = (),
    task: Task | None = None,
    chosen: bool = False,
    copies: float = 1.0,
    explained_copies: float = 1.0,
) -> Verdict:
    """The verdict on one candidate, from its estimates by dimension and measure.

    ``cluster_size`` is the mean number of items in a cluster; None if items are independent. ``explained_clusters``:
    how many clusters the explained items are in; None if that is not known, and they were explained cluster by cluster.
    ``own_measures`` are measures of the user's, not trusteq's. ``task`` is what the models were given, by default
    classes. ``chosen``: whether the explained items were chosen by a person, not drawn at random; then nothing about
    them is judged.
    ``copies``, ``explained_copies``: how many items, and explained items, it takes to be worth an independent one, as
    some repeat others; nothing is shown that so many fewer items would not show.
    """
    task = task or task_named(CLASSES)
    judged = {*dimensions_of(task), *policy.required}
    if chosen:
        measures = {d: estimates for d, estimates in measures.items() if DIMENSIONS[d].of_all}
    measured = {name for estimates in measures.values() for name in estimates}
    needs: Needs = partial(missing_need, measured=measured, own=own_measures)
    if chosen:
        needs = partial(_drawn, needs)
    clustered = _Clustered(cluster_size, explained_clusters)
    dimensions = tuple(
        _judge_dimension(
            d,
            measures.get(d, {}),
            policy,
            clustered,
            needs,
            several=task.several_outcomes,
            copies=copies if DIMENSIONS[d].of_all else explained_copies,
        )
        for d in DIMENSIONS
        if d in judged
    )
    required = [d for d in dimensions if d.required]
    whole = _whole({d.outcome for d in required})
    return Verdict(whole, dimensions, _reason(whole, required, needs))


class _Clustered(NamedTuple):
    """The mean number of items in a cluster, None if none are; and how many clusters the explained items are in."""

    size: float | None
    explained: int | None

    def per_unit(self, n: int, *, of_all: bool, fewest: int) -> float:
        """How many items count as one in an estimate of n items: of all that there are, or of the explained ones."""
        if self.size is None or of_all:
            return self.size or 1.0
        if self.explained is None:
            return self.size
        return n / self.explained if self.explained < fewest else 1.0  # with enough, a sample is counted in items


def _drawn(needs: Needs, measure: str) -> str | None:
    """What a measure needs if explained items were chosen."""
    need = needs(measure)
    return "explained items that were drawn at random, not chosen" if need == NEEDS["explanations"] else need


def together(verdicts: Sequence[Verdict], policy: Policy) -> Verdict:
    """The verdict on one candidate from several audits by the same policy, which measure different dimensions.

    A dimension is EQUIVALENT if it is in every audit that measures it; one that no audit measures is not measured.
    """
    dimensions = []
    for name in DIMENSIONS:
        parts = [d for verdict in verdicts for d in verdict.dimensions if d.dimension == name]
        measured = [d for d in parts if d.outcome is not Outcome.NOT_MEASURED]
        if measured:
            worst = max((d.outcome for d in measured), key=_WORST_LAST.index)
            rules = tuple(rule for d in measured for rule in d.rules)
            dimensions.append(DimensionVerdict(name, worst, measured[0].required, rules))
        elif parts:
            dimensions.append(parts[0])
    required = [d for d in dimensions if d.required]
    whole = _whole({d.outcome for d in required})
    of_measures = (r.measure for d in dimensions for r in d.rules if r.estimate is not None)
    needs = partial(missing_need, measured=set(of_measures))
    return Verdict(whole, tuple(dimensions), _reason(whole, required, needs))


_WORST_LAST = (Outcome.EQUIVALENT, Outcome.UNDECIDED, Outcome.NOT_EQUIVALENT)


def _whole(outcomes: Set[Outcome]) -> Whole:
    """The outcome of the whole from those of the required dimensions."""
    if Outcome.NOT_EQUIVALENT in outcomes:
        return Outcome.NOT_EQUIVALENT
    return Outcome.EQUIVALENT if outcomes == {Outcome.EQUIVALENT} else Outcome.UNDECIDED


def _reason(whole: Whole, required: Sequence[DimensionVerdict], needs: Needs) -> str:
    """Why the required dimensions give this outcome, in one sentence."""
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
    clustered: _Clustered,
    needs: Needs,
    *,
    several: bool,
    copies: float,
) -> DimensionVerdict:
    required = dimension in policy.required
    judged = []
    for measure, rule in policy.rules.get(dimension, {}).items():
        name = judged_as(measure, estimates)
        estimate = estimates.get(name)
        if estimate is None:
            judged.append(_not_measured(name, rule, needs))
        else:
            bound = is_lower_bound(name) or _is_cut(name, estimates)
            of = partial(
                _judge_rule,
                name,
                rule,
                min_items=policy.min_items,
                clustered=clustered,
                dimension=dimension,
                several=several,
                bound=bound,
            )
            found = of(estimate)
            if copies > 1 and of(_of_fewer(estimate, copies)).outcome is not found.outcome:
                found = replace(found, outcome=Outcome.UNDECIDED, reason=f"{found.reason}, but {BY_COPIES}")
            judged.append(_against_chance(found, estimates))
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


BY_COPIES = "only as items that repeat others count as independent ones"
"""How the reason ends of a rule that independent items alone would not have decided."""


def _of_fewer(estimate: Estimate, copies: float) -> Estimate:
    """The estimate as if of so many times fewer items, all independent of each other."""
    value, wider = estimate.value, math.sqrt(copies)
    low, high = value - wider * (value - estimate.low), value + wider * (estimate.high - value)
    return replace(estimate, low=low, high=high, n=max(1, int(estimate.n / copies)))


def _not_measured(name: str, rule: Rule, needs: Needs) -> RuleVerdict:
    reason = _unmeasured(in_words(name), [needs(name)])
    return RuleVerdict(name, rule, Outcome.NOT_MEASURED, reason)


def _unmeasured(subject: str, needs: Sequence[str | None]) -> str:
    """The sentence that something was not measured, with what it needs if that is known."""
    missing = list(dict.fromkeys(need for need in needs if need is not None))
    return f"{subject} was not measured{f' (it needs {_listed(missing)})' if missing else ''}"


def _judge_rule(
    name: str,
    rule: Rule,
    estimate: Estimate,
    *,
    min_items: int,
    clustered: _Clustered,
    dimension: str,
    several: bool,
    bound: bool,
) -> RuleVerdict:
    """``several``: whether items have several outcomes, so that an item is a cluster of them.

    ``bound``: whether the estimate is a lower bound of what the rule is about.
    """
    cluster_size = clustered.size
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
    figure = f"{in_words(name)} {estimate}"
    if bound and not _surely_too_much(rule, estimate):
        reason = f"{figure} is a lower bound, which can never show that something is {rule}: {DECIDES}"
        return RuleVerdict(name, rule, Outcome.UNDECIDED, reason, estimate)
    fewest = fewest_to_resample(estimate.level)
    per_cluster = clustered.per_unit(estimate.n, of_all=DIMENSIONS[dimension].of_all, fewest=fewest)
    units = DIMENSIONS[dimension].counted if per_cluster == 1 else "clusters"
    resampled = math.ceil(fewest * per_cluster)

    def undecided(
        reason: str, items: int | None, margin: float | None = None, clusters: int | None = None
    ) -> RuleVerdict:
        view = None
        if rule.judged_on == "interval":
            least = max(min_items, resampled if per_cluster > 1 or several else 0)
            view = outlook(estimate, low, high, items, least_within=least, least_beyond=resampled)
        return RuleVerdict(name, rule, Outcome.UNDECIDED, reason, estimate, items, margin, clusters, view)

    if place == "outside" and rule.judged_on != "value" and estimate.n / per_cluster < fewest:
        reason = f"{figure} is not {rule}, but fewer than {fewest} {units} cannot show it"
        return undecided(reason, max(resampled, min_items))
    if place == "outside":
        return RuleVerdict(name, rule, Outcome.NOT_EQUIVALENT, f"{figure} is not {rule}", estimate)
    detectable = detectable_margin(estimate, two_sided=low is not None and high is not None)
    if place == "across":
        items = items_to_decide(estimate, low, high)
        if items is not None and rule.allows(estimate.value):
            items = max(items, min_items)
        # Explained items come from as many clusters as there are.
        whole = DIMENSIONS[dimension].of_all or per_cluster > 1
        clusters = None if items is None or cluster_size is None or not whole else math.ceil(items / cluster_size)
        across = undecided("", items, detectable, clusters)
        return replace(across, reason=f"{figure} may or may not be {rule}{_prospect(across, dimension)}")
    if (per_cluster > 1 or several) and rule.judged_on == "interval" and estimate.n / per_cluster < fewest:
        reason = f"{figure} is {rule}, but fewer than {fewest} {units} cannot show it"
        return undecided(reason, max(resampled, min_items), detectable)
    if estimate.n < min_items:
        few = f"{estimate.n} {DIMENSIONS[dimension].counted} are fewer than the {min_items} that the policy asks for"
        return undecided(f"{figure} is {rule}, but {few}", min_items, detectable)
    seen = 0 if several or rule.judged_on != "interval" else fewest_to_see(name, rule, estimate.level)
    if estimate.n < seen:
        why = f"fewer than {seen} {DIMENSIONS[dimension].counted} too often miss what would break it"
        return undecided(f"{figure} is {rule}, but {why}", max(seen, min_items), detectable)
    return RuleVerdict(name, rule, Outcome.EQUIVALENT, f"{figure} is {rule}", estimate, None, detectable)


def _prospect(across: RuleVerdict, dimension: str) -> str:
    """Which way a rule leans whose interval lies across the margin, and what would decide it: the end of its reason."""
    leans = across.outlook.leans if across.outlook is not None else None
    leaning = "" if leans is None else f" (it leans {leans})"
    if needed := across.needed(dimension):
        return f"{leaning}: {needed} would decide"
    if leans is None:
        return ": it lies exactly on the margin; no number of items would decide"
    most = across.outlook.chances[-1].items if across.outlook is not None and across.outlook.chances else None
    many = "any number of" if most is None else f"{most:,}"
    return f"{leaning}: even {many} {DIMENSIONS[dimension].counted} may not decide"


def _against_chance(found: RuleVerdict, estimates: Mapping[str, Estimate]) -> RuleVerdict:
    """The rule's verdict; UNDECIDED where attributions score within a margin that random ones are within as well."""
    name, rule = found.measure, found.rule
    chance = next((estimates[one].value for one in chance_of(name) if one in estimates), constant_chance(name))
    if found.outcome is not Outcome.EQUIVALENT or chance is None or rule.at_least is None:
        return found
    if not rule.allows(chance):
        return found
    what = "sets" if "jaccard" in name else "explanations"
    reason = f"{in_words(name)} {found.estimate} is {rule}, but so is that of random {what}, {chance:.4g}"
    return replace(found, outcome=Outcome.UNDECIDED, reason=f"{reason}: items of more units would decide")


CUT = 0.001
"""A share of the reference's probability in tokens that were not compared, from which a divergence is a lower bound."""


def _is_cut(name: str, estimates: Mapping[str, Estimate]) -> bool:
    """Whether a divergence leaves out tokens that could make it larger."""
    tail = estimates.get("token_tail")
    return name.startswith("token_kl") and not name.endswith("_floor") and tail is not None and tail.value >= CUT


DECIDES = "comparing the probabilities of all tokens would decide"


def _surely_too_much(rule: Rule, bound: Estimate) -> bool:
    """Whether what is at least as large as the bound is larger than the rule allows."""
    least = bound.value if rule.judged_on == "value" else bound.low
    return rule.at_most is not None and least > rule.at_most


def fewest_to_resample(level: float) -> int:
    """The fewest items for which an interval of this level can be valid.

    With probability 2^(1-n), all of n items lie on the same side of the true value, and so do all their resamples. For
    fewer items than these, that is more likely than the level allows.
    """
    return 1 + math.ceil(-math.log2(1 - level))


def fewest_to_see(name: str, rule: Rule, level: float) -> int:
    """The fewest items that contain one of a kind that would break the rule, but for the chance that the level allows.

    What concerns a share of all items as large as the margin may move a measure by that much, and resamples of items
    without it know nothing of it. 0 for measures without bounds, of which no number of items would be enough.
    """
    measure = find_measure(name)
    if measure is None or not all(map(math.isfinite, measure.bounds)):
        return 0
    low, high = measure.bounds
    best = measure.best if measure.best is not None else {1: low, -1: high}.get(measure.worse)
    if best is None:
        return 0
    ends = [end for end in (rule.at_least, rule.at_most) if end is not None and low < end < high]
    share = min((abs(end - best) for end in ends), default=1.0)
    return 0 if not 0 < share < 1 else math.ceil(math.log((1 - level) / 2) / math.log1p(-share))


def fewest_explained(policy: Policy) -> int:
    """The fewest explained items of which the policy's rules can be EQUIVALENT."""
    rules = policy.rules.get("explanation", {})
    judged = (fewest_to_see(name, rule, policy.level) for name, rule in rules.items() if rule.judged_on == "interval")
    return max(policy.min_items, *judged, 0)


def _listed(names: Iterable[str]) -> str:
    words = [str(name) for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
