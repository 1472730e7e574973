"""Whether a cascade brings a candidate within the margins, judged by the same rules as the candidate itself.

It is tried where a required rule of behaviour is not EQUIVALENT: what is routed to the reference cannot differ from it.
Items are routed by the candidate's confidence, or by what changed items have in common. The choice is the one that
routes least while all rules about behaviour hold that are counted item by item. The two models together are then judged
by every rule that can be taken of predictions, on items that had no part in the choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.auditing.recalibration import harmed_rules, judged_after, rules_of
from trusteq.comparing.behaviour import accuracy, agreement, flips
from trusteq.comparing.cascade import (
    MOST_ROUTED,
    Cascade,
    TriedConditions,
    TriedCutOff,
    cascade_curve,
    cross_fitted,
    part_of,
    routed_to_reference,
    together,
)
from trusteq.comparing.in_common import first_half
from trusteq.stats.equivalence import against
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trusteq.comparing.answers import Pair
    from trusteq.comparing.in_common import Common
    from trusteq.comparing.item_features import Features
    from trusteq.comparing.measures import Measure
    from trusteq.policy import Policy, Rule
    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import Verdict

    Measures = Mapping[str, Mapping[str, Estimate]]
    Judge = Callable[[Measures], Verdict]
    After = Callable[[Pair], tuple[dict[str, Estimate], Verdict]]

BEHAVIOUR = "behaviour"
OPEN = frozenset({Outcome.NOT_EQUIVALENT, Outcome.UNDECIDED})


def cascade(
    pair: Pair,
    measures: Measures,
    verdict: Verdict,
    policy: Policy,
    judged: Judge,
    *,
    own_measures: Sequence[Measure] = (),
    common: Sequence[Common] = (),
    features: Features | None = None,
    keys: Sequence[str] = (),
) -> Cascade | None:
    """What routing to the reference does, and what to route so that behaviour is mended; None for several outcomes.

    Nothing is chosen where behaviour needs no mending, or with fewer items than the policy asks for. ``judged`` gives
    the verdict on measures. ``common``, ``features``: what changed items have in common, and what it was found
    among. ``keys`` [items]: which items belong together, as they were given to that search.
    """
    if pair.candidate.outcomes.item is not None:
        return None
    curve = cascade_curve(pair)
    if pair.resampling.items < policy.min_items or not open_rules(verdict):
        return Cascade(curve, None, None)
    judged_rules = rules_of(verdict, BEHAVIOUR).items()
    rules = {name: rule.rule for name, rule in judged_rules if name in COUNTED and rule.estimate is not None}

    def holds(made: Pair) -> bool:
        return _hold(rules, made)

    def after(made: Pair) -> tuple[dict[str, Estimate], Verdict]:
        found = judged_after(made, verdict, own_measures)
        flat = {name: e for group in found.values() for name, e in group.items()}
        return flat, judged({name: {**group, **found.get(name, {})} for name, group in measures.items()})

    by_confidence = _by_confidence(pair, verdict, holds, after) if rules else None
    conditions = [c for c in common if c.question == "changed" and all(term.of_the_item for term in c.terms)]
    by_condition = None
    if rules and features is not None and conditions:
        by_condition = _by_condition(pair, verdict, holds, after, conditions, features, keys)
    return Cascade(curve, by_confidence, by_condition)


def _by_confidence(
    pair: Pair,
    verdict: Verdict,
    holds: Callable[[Pair], bool],
    after: After,
) -> TriedCutOff | None:
    """The cut-off that routes least; recommended if it mends all rules of behaviour and no required rule gets worse."""
    found = cross_fitted(pair, holds)
    if found is None:
        return None
    cut_off, routed = found
    estimates, later = after(routed_to_reference(pair, routed))
    mends, harms = _mended(verdict, later), _harmed(verdict, later)
    return TriedCutOff(
        **together(pair, routed, ", on held-out folds"),
        cut_off=cut_off,
        after=estimates,
        mends=mends,
        harms=harms,
        recommended=not harms and set(open_rules(verdict)) <= set(mends),
    )


def _by_condition(
    pair: Pair,
    verdict: Verdict,
    holds: Callable[[Pair], bool],
    after: After,
    conditions: Sequence[Common],
    features: Features,
    keys: Sequence[str],
) -> TriedConditions | None:
    """The fewest of the conditions, in their order, that mend behaviour, or else all; None if they are too many items.

    They are judged on the half of the items that was not searched for them, and recommended if they mend a rule there
    and no required rule gets worse on all items.
    """
    changed = pair.reference.answer != pair.candidate.answer
    held_out = np.flatnonzero(~first_half(changed, keys, pair.resampling.seed))
    half = part_of(pair, held_out)
    routed, chosen = np.zeros(len(changed), dtype=np.bool_), []
    for condition in conditions:
        chosen.append(condition.terms)
        routed = routed | features.items_with(condition.terms)
        if holds(routed_to_reference(half, routed[held_out])):
            break
    if not 0 < routed.mean() <= MOST_ROUTED:
        return None
    estimates, later = after(routed_to_reference(half, routed[held_out]))
    mends = _mended(verdict, later)
    harms = _harmed(verdict, after(routed_to_reference(pair, routed))[1])
    return TriedConditions(
        **together(half, routed[held_out], ", on the half of the items that was not searched"),
        after=estimates,
        mends=mends,
        harms=harms,
        recommended=not harms and bool(set(open_rules(verdict)) & set(mends)),
        conditions=tuple(chosen),
    )


def open_rules(verdict: Verdict) -> list[str]:
    """The judged measures of behaviour, if it is required, whose rules are UNDECIDED or NOT EQUIVALENT."""
    required = any(d.dimension == BEHAVIOUR and d.required for d in verdict.dimensions)
    judged = rules_of(verdict, BEHAVIOUR).items() if required else ()
    return [name for name, rule in judged if rule.outcome in OPEN]


def _mended(before: Verdict, after: Verdict) -> tuple[str, ...]:
    """The judged measures whose rules are EQUIVALENT now and were UNDECIDED or NOT EQUIVALENT."""
    later = {(d.dimension, rule.measure): rule.outcome for d in after.dimensions for rule in d.rules}
    return tuple(
        rule.measure
        for d in before.dimensions
        for rule in d.rules
        if rule.outcome in OPEN and later[d.dimension, rule.measure] is Outcome.EQUIVALENT
    )


def _harmed(before: Verdict, after: Verdict) -> tuple[str, ...]:
    """The required rules that are worse than before."""
    required = {rule.measure for d in before.dimensions if d.required for rule in d.rules}
    return tuple(harm.measure for harm in harmed_rules(before, after) if harm.measure in required)


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
    groups = dict.fromkeys(COUNTED[name] for name in rules)
    estimates = {name: e for group in groups for name, e in group(pair).items()}
    return all(_holds(rule, estimates[name]) for name, rule in rules.items())


def _holds(rule: Rule, estimate: Estimate) -> bool:
    if rule.judged_on == "value":
        return rule.allows(estimate.value)
    place = against(estimate, rule.at_least, rule.at_most)
    return place == "inside" or (place == "across" and rule.judged_on == "significance")
