"""Whether a map of confidence corrects a candidate, judged by the same rules as the candidate itself.

A rule *fails* if it is NOT EQUIVALENT, or UNDECIDED with its estimate beyond the margin. An estimate within the margin
needs more items, not a map: of several maps tried on noise, one would seem to help. Maps are tried only where a rule of
calibration fails, the simplest first, until after one of them no such rule fails and nothing is harmed.

A map *mends* a failing rule if the rule is EQUIVALENT after it, on held-out folds. It *harms* a rule, of whatever
dimension, if the outcome is worse than before, or if it fails before and after and the estimate lies beyond its former
interval, further out. What else counts as harm is said in `comparing.remedies`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trusteq.comparing.calibration_fault import CONFIDENCE, Fault, in_one_part, parts
from trusteq.comparing.compute_measures import groups_for
from trusteq.comparing.confidence import profile_distances
from trusteq.comparing.corp import corp
from trusteq.comparing.remedies import (
    Harm,
    Recalibration,
    TriedMap,
    attempts,
    harmed_parts,
    mapped,
    moved,
    own_changes,
)
from trusteq.comparing.slices import LABEL
from trusteq.comparing.thresholds import held_out_cut_offs
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trusteq.comparing.answers import Pair
    from trusteq.comparing.measures import Measure
    from trusteq.policy import Policy
    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import RuleVerdict, Verdict

    Measures = Mapping[str, Mapping[str, Estimate]]

WORST_LAST = (Outcome.EQUIVALENT, Outcome.UNDECIDED, Outcome.NOT_EQUIVALENT)
LOST = 0.05
"""The share of the reference's discrimination whose loss is called a loss of information."""
ALONE = {frozenset({"confidence_profile_distance"}): profile_distances}
"""What estimates some measures without the rest of their group, which nobody asks for after a map."""
LEAST_MOVE = 0.005
"""A map that moves an item's confidence by less than this, on average, is no advice."""


def recalibration(
    pair: Pair,
    measures: Measures,
    verdict: Verdict,
    policy: Policy,
    columns: Mapping[str, Sequence[str]],
    *,
    judged_by_policy: Callable[[Measures], Verdict],
    own_measures: Sequence[Measure] = (),
) -> Recalibration | None:
    """What is wrong with the candidate's confidence and which maps help; None if no rule of calibration fails.

    Nor is anything tried with fewer items than the policy asks for, or where next tokens are compared as well: a map
    changes their probabilities, too, which the stored answers do not contain. ``judged_by_policy`` is how the verdict
    was reached.
    """
    failing = failing_rules(verdict)
    if not failing or pair.resampling.items < policy.min_items or measures.get("distribution"):
        return None
    found = parts(pair, columns)
    inside = in_one_part(pair, found)
    column = next(
        (p for p in found if inside is not None and (p.column, p.value) == (inside.column, inside.value)), None
    )
    # A map can act on a slice or an answer, but not on a gold label, which is not known when it is used.
    applies = column if column is not None and column.column not in {LABEL, CONFIDENCE} else None

    tried: list[TriedMap] = []
    pairs: list[Pair] = []
    for attempt in attempts(pair, applies):
        made = mapped(pair, attempt)
        after = judged_after(made.pair, verdict, own_measures)
        rejudged = judged_by_policy({name: {**group, **after.get(name, {})} for name, group in measures.items()})
        own = own_changes(pair, made.pair)
        pairs.append(made.pair)
        tried.append(
            TriedMap(
                map=attempt.map,
                target=attempt.target,
                column=None if attempt.part is None else attempt.part.column,
                value=None if attempt.part is None else attempt.part.value,
                parameters=made.fitted.parameters,
                temperature=made.temperature,
                after={name: e for group in after.values() for name, e in group.items()},
                own=own,
                moved=moved(pair, made.pair),
                mends=tuple(n for n in failing if rules_of(rejudged, "calibration")[n].outcome is Outcome.EQUIVALENT),
                harms=(
                    *harmed_rules(verdict, rejudged),
                    *_harmed_scores(own),
                    *harmed_parts(pair, made.pair, found),
                ),
                recommended=False,
            )
        )
        if not tried[-1].harms and not set(failing) & set(failing_rules(rejudged)):
            break
    best = max((c for c in tried if is_sound(c)), key=lambda c: len(c.mends), default=None)
    maps = tuple(replace(c, recommended=c is best) for c in tried)
    last = next((p for p, c in zip(pairs, maps, strict=True) if c.recommended), pair)
    return Recalibration(_fault(measures, maps, inside, last), maps, tuple(held_out_cut_offs(pair)))


def failing_rules(verdict: Verdict) -> list[str]:
    """The judged measures of calibration whose rules fail."""
    return [name for name, rule in rules_of(verdict, "calibration").items() if fails(rule)]


def fails(rule: RuleVerdict) -> bool:
    """Whether a rule fails."""
    beyond = rule.estimate is not None and not rule.rule.allows(rule.estimate.value)
    return rule.outcome is Outcome.NOT_EQUIVALENT or (rule.outcome is Outcome.UNDECIDED and beyond)


def is_sound(tried: TriedMap) -> bool:
    """Whether a map mends something, harms nothing, and is more than no change at all."""
    t = tried.temperature
    changes = tried.moved.value >= LEAST_MOVE and (t is None or not t.low <= 1 <= t.high)
    return bool(tried.mends) and not tried.harms and changes


def _fault(measures: Measures, maps: Sequence[TriedMap], inside: Fault | None, corrected: Pair) -> Fault:
    """The kind of fault, given the pair after the recommended map, or as it is if there is none.

    What one temperature mends is everywhere, whatever else it may look like. Information is lost if confidence still
    separates right from wrong answers less well than the reference's.
    """
    one_temperature = any(c.recommended and c.map == "temperature" and c.column is None for c in maps)
    error = measures["calibration"].get("smooth_ece_difference")
    if not one_temperature and error is not None and error.high < 0:
        return Fault("reference")
    if not one_temperature and inside is not None:
        return inside
    if corrected.labelled and _loses_information(corrected.measured(corp)):
        return Fault("information")
    return Fault("everywhere" if one_temperature else "unknown")


def _loses_information(parts: Mapping[str, Estimate]) -> bool:
    """Whether discrimination is shown to be less than the reference's, and is by `LOST` of it or more."""
    change, reference = parts["discrimination_difference"], parts["discrimination_reference"]
    return change.high < 0 and change.value <= -LOST * reference.value


def rules_of(verdict: Verdict, dimension: str) -> dict[str, RuleVerdict]:
    """A dimension's rules by measure."""
    return {rule.measure: rule for d in verdict.dimensions if d.dimension == dimension for rule in d.rules}


def judged_after(after: Pair, verdict: Verdict, own: Sequence[Measure]) -> dict[str, dict[str, Estimate]]:
    """The judged measures after a map, by dimension: those that can be taken of predictions."""
    judged = {rule.measure for d in verdict.dimensions for rule in d.rules}
    estimates: dict[str, dict[str, Estimate]] = {}
    for group, measures in groups_for(after, own).items():
        names = judged.intersection(measure.name for measure in measures)
        if names:
            found = after.measured(ALONE.get(frozenset(names), group))
            estimates.setdefault(measures[0].dimension, {}).update({n: e for n, e in found.items() if n in names})
    return estimates


def harmed_rules(before: Verdict, after: Verdict) -> tuple[Harm, ...]:
    """The judged rules that are worse than before."""
    later = {(d.dimension, rule.measure): rule for d in after.dimensions for rule in d.rules}
    return tuple(
        Harm(rule.measure, None, None, None)
        for d in before.dimensions
        for rule in d.rules
        if _is_worse(rule, later[d.dimension, rule.measure])
    )


def _is_worse(before: RuleVerdict, after: RuleVerdict) -> bool:
    was, now, margin = before.estimate, after.estimate, before.rule
    if was is None or now is None or before.outcome not in WORST_LAST or after.outcome not in WORST_LAST:
        return False
    if WORST_LAST.index(after.outcome) != WORST_LAST.index(before.outcome):
        return WORST_LAST.index(after.outcome) > WORST_LAST.index(before.outcome)
    if after.outcome is Outcome.EQUIVALENT or margin.allows(now.value):
        return False
    too_high = margin.at_most is not None and now.value > margin.at_most
    return now.value > was.high if too_high else now.value < was.low


def _harmed_scores(own: Mapping[str, Estimate]) -> tuple[Harm, ...]:
    """The candidate's own scores that are shown to be worse."""
    worse = (n for n, e in own.items() if (e.high < 0 if n == "accuracy" else e.low > 0))
    return tuple(Harm(name, None, None, own[name]) for name in worse)
