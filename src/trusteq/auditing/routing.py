"""Whether a cascade brings a candidate within the margins, judged by the same rules as the candidate itself.

It is tried where a required rule of behaviour is not EQUIVALENT: what is routed to the reference cannot differ from it.
The cut-off is the one that routes least while all rules about behaviour that are counted item by item hold. The two
models together are then judged by every rule that can be taken of predictions, on items that had no part in the choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.auditing.recalibration import harmed_rules, judged_after, rules_of
from trusteq.compare.behaviour import accuracy, agreement, flips
from trusteq.compare.cascade import Cascade, TriedCascade, cascade_curve, cross_fitted, routed_to_reference, together
from trusteq.stats.equivalence import against
from trusteq.verdict import Outcome, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.compare.answers import Pair
    from trusteq.compare.measures import Measure
    from trusteq.policy import Policy, Rule
    from trusteq.stats.estimate import Estimate
    from trusteq.tasks.task import Task
    from trusteq.verdict import Verdict

    Measures = Mapping[str, Mapping[str, Estimate]]

BEHAVIOUR = "behaviour"
HELD_OUT = ", on held-out folds"


def cascade(
    pair: Pair,
    measures: Measures,
    verdict: Verdict,
    policy: Policy,
    *,
    cluster_size: float | None = None,
    own_measures: Sequence[Measure] = (),
    task: Task | None = None,
) -> Cascade | None:
    """What routing to the reference does, and the cut-off that mends behaviour; None if behaviour needs no mending.

    Nor is anything routed where an item has several outcomes, or with fewer items than the policy asks for.
    """
    several = pair.candidate.outcomes.item is not None
    if several or pair.resampling.items < policy.min_items or not open_rules(verdict):
        return None
    rules = {name: rule.rule for name, rule in rules_of(verdict, BEHAVIOUR).items() if name in COUNTED}
    found = cross_fitted(pair, lambda made: _hold(rules, made)) if rules else None
    if found is None:
        return Cascade(cascade_curve(pair), None)
    cut_off, routed = found
    made = routed_to_reference(pair, routed)
    after = judged_after(made, verdict, own_measures)
    later = judge(
        {name: {**group, **after.get(name, {})} for name, group in measures.items()},
        policy,
        cluster_size=cluster_size,
        own_measures=own_measures,
        task=task,
    )
    mends = newly_equivalent(verdict, later)
    harms = tuple(harm.measure for harm in harmed_rules(verdict, later))
    chosen = TriedCascade(
        cut_off,
        **together(pair, routed, HELD_OUT),
        after={name: e for group in after.values() for name, e in group.items()},
        mends=mends,
        harms=harms,
        recommended=not harms and set(open_rules(verdict)) <= set(mends),
    )
    return Cascade(cascade_curve(pair), chosen)


def open_rules(verdict: Verdict) -> list[str]:
    """The judged measures of behaviour, if it is required, whose rules are not EQUIVALENT."""
    required = any(d.dimension == BEHAVIOUR and d.required for d in verdict.dimensions)
    judged = rules_of(verdict, BEHAVIOUR).items() if required else ()
    return [name for name, rule in judged if rule.outcome in {Outcome.NOT_EQUIVALENT, Outcome.UNDECIDED}]


def newly_equivalent(before: Verdict, after: Verdict) -> tuple[str, ...]:
    """The judged measures whose rules are EQUIVALENT now and were NOT EQUIVALENT or UNDECIDED."""
    later = {(d.dimension, rule.measure): rule.outcome for d in after.dimensions for rule in d.rules}
    return tuple(
        rule.measure
        for d in before.dimensions
        for rule in d.rules
        if rule.outcome in {Outcome.NOT_EQUIVALENT, Outcome.UNDECIDED}
        and later[d.dimension, rule.measure] is Outcome.EQUIVALENT
    )


COUNTED = {
    "agreement": agreement,
    "disagreement": agreement,
    "accuracy_candidate": accuracy,
    "accuracy_difference": accuracy,
    "regressions": flips,
    "corrections": flips,
    "wrong_to_other_wrong": flips,
}
"""The measures of behaviour that are counted item by item, and what estimates them."""


def _hold(rules: Mapping[str, Rule], pair: Pair) -> bool:
    """Whether these rules hold of a pair."""
    estimates = {name: e for group in {COUNTED[name] for name in rules} for name, e in group(pair).items()}
    return all(_holds(rule, estimates[name]) for name, rule in rules.items())


def _holds(rule: Rule, estimate: Estimate) -> bool:
    if rule.judged_on == "value":
        return rule.allows(estimate.value)
    place = against(estimate, rule.at_least, rule.at_most)
    return place == "inside" or (place == "across" and rule.judged_on == "significance")
