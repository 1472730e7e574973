"""What to do about rules that are undecided or not measured: measure (more), or let a person decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.comparing.measures import DIMENSIONS, in_words
from trusteq.record.advice import Advice
from trusteq.stats.outlook import chance, chances
from trusteq.verdict import BY_COPIES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import RuleVerdict, Verdict


def next_steps(verdict: Verdict) -> Iterator[Advice]:
    """The cheapest step that is likely to decide all rules that items can decide, and what to do about the rest."""
    if verdict.outcome is not Outcome.UNDECIDED:
        return
    open_rules = [
        (d.dimension, rule)
        for d in verdict.dimensions
        if d.required
        for rule in d.rules
        if rule.outcome is Outcome.UNDECIDED
    ]
    countable = [(dimension, rule) for dimension, rule in open_rules if rule.items_needed and not rule.at_margin]
    if countable:
        yield _more_items(countable, _items(verdict))
    if any(BY_COPIES in rule.reason for _, rule in open_rules):
        yield Advice(
            "measure more",
            "drop items that repeat others, or name a column with --cluster that says which belong together: what is "
            "within its margin here may be so only by repeats",
        )
    for dimension, rule in open_rules:
        if rule.at_margin:
            yield _decision(dimension, rule)


def unmeasured_steps(
    verdict: Verdict, measures: Mapping[str, Mapping[str, Estimate]], *, no_explain: bool, chosen: bool = False
) -> Iterator[Advice]:
    """What to do about required rules that were not measured.

    ``no_explain``: explanations were switched off. ``chosen``: the explained items were chosen.
    """
    advised = (
        _not_labelled(verdict, measures),
        _not_explained(verdict, measures.get("explanation"), no_explain=no_explain, chosen=chosen),
    )
    yield from (advice for advice in advised if advice is not None)


def _not_labelled(verdict: Verdict, measures: Mapping[str, Mapping[str, Estimate]]) -> Advice | None:
    """What to do if accuracy or calibration is required and there are no labels to measure it."""
    labelled = "accuracy_reference" in measures.get("behaviour", {})
    missing = any(
        rule.outcome is Outcome.NOT_MEASURED
        for d in verdict.dimensions
        if d.required and d.dimension != "explanation"
        for rule in d.rules
    )
    if labelled or not missing:
        return None
    return Advice(
        "labels", "without gold labels, accuracy and calibration cannot be measured: name the label column (--label)"
    )


def _not_explained(
    verdict: Verdict, measured: Mapping[str, Estimate] | None, *, no_explain: bool, chosen: bool
) -> Advice | None:
    """What to do if explanations are required, but were not made or are mostly noise."""
    for d in verdict.dimensions:
        if d.dimension != "explanation" or not d.required or d.outcome is not Outcome.NOT_MEASURED:
            continue
        if chosen:
            return Advice(
                "explanations",
                "the explained items were chosen (--explain-ids), so explanations are not judged: audit again without "
                "--explain-ids for a verdict",
            )
        if measured:
            return Advice(
                "explanations",
                "alignment could not be measured: a model's attributions are mostly noise (reliability below 0.05); "
                "its answers may hardly depend on single parts of an item; if they should, use more --masks-per-unit, "
                "more --explain-items or larger --units",
            )
        if measured is None and no_explain:
            return Advice(
                "explanations",
                "explanations were switched off (--no-explain), but the policy requires them: audit again with them; "
                "--dimensions behaviour,calibration requires only the other two",
            )
        if measured is None:
            return Advice(
                "explanations",
                "explanations need models that can run on texts with words left out, not files of predictions; "
                "--dimensions behaviour,calibration requires only the other two",
            )
    return None


def _more_items(open_rules: Sequence[tuple[str, RuleVerdict]], present: int) -> Advice:
    """One number of items for all rules on the same items, and how each is then likely to end."""
    # Behaviour and calibration are measured on the same items, so the largest number is enough for both.
    largest: dict[str, tuple[str, RuleVerdict]] = {}
    for dimension, rule in sorted(open_rules, key=lambda part: part[1].items_needed or 0):
        largest[DIMENSIONS[dimension].counted] = dimension, rule
    parts = []
    for dimension, rule in sorted(largest.values(), key=lambda part: not DIMENSIONS[part[0]].of_all):
        words = rule.needed(dimension) or ""
        if not DIMENSIONS[dimension].of_all and rule.estimate is not None:
            there = rule.items_needed is not None and rule.items_needed <= present
            how = f"--explain-items {rule.items_needed}" if there else f"of more items: there are {present:,}"
            words += f" instead of {rule.estimate.n:,} ({how})"
        parts.append(words)
    ends = []
    for dimension, rule in open_rules:
        _, decisive = largest[DIMENSIONS[dimension].counted]
        if end := _end(rule, decisive.items_needed or 0):
            ends.append(f"{in_words(rule.measure)} {end}")
    likely = f"; the chances then: {'; '.join(ends)}" if ends else ""
    mends = tuple(rule.measure for _, rule in open_rules if rule.outlook is not None and rule.outlook.leans == "within")
    return Advice("measure more", f"{' and '.join(parts)} would decide{likely}", mends)


def _end(rule: RuleVerdict, items: int) -> str | None:
    """How likely a rule ends within its margin, beyond it or open with so many items."""
    if rule.estimate is None or rule.outlook is None or items <= rule.estimate.n:
        return None
    both = chances(rule.estimate, rule.rule.at_least, rule.rule.at_most, items, averaged=True)
    if both is None:
        return None
    within, beyond = both
    still = max(0.0, 1 - within - beyond)
    return f"{chance(within)} within margin, {chance(beyond)} beyond, {chance(still)} still undecided"


def _decision(dimension: str, rule: RuleVerdict) -> Advice:
    """That a person must decide, as items are not likely to."""
    counted = DIMENSIONS[dimension].counted
    view, estimate = rule.outlook, rule.estimate
    side = "lies on the margin" if view is None or view.leans is None else f"leans {view.leans} the margin"
    even = ""
    if view is not None and estimate is not None and view.chances:
        last = view.chances[-1]
        even = (
            f": even {last.items:,} {counted} (now {estimate.n:,}) would leave it undecided with a chance of "
            f"{chance(last.undecided)}"
        )
    sentence = (
        f"{in_words(rule.measure)} {estimate} {side} ({rule.rule}), too near for more {counted} to be likely to "
        f"decide{even}; decide yourself, on the record (trusteq waive), or change the margin on purpose"
    )
    return Advice("decide", sentence)


def _items(verdict: Verdict) -> int:
    """How many items there are, as far as the verdict says."""
    of_all = (rule for d in verdict.dimensions if DIMENSIONS[d.dimension].of_all for rule in d.rules)
    return max((rule.estimate.n for rule in of_all if rule.estimate is not None), default=0)
