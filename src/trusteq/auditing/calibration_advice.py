"""Advice about a candidate's confidence: which map corrects it, or what is wrong with it. Nothing is estimated here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.auditing.recalibration import LEAST_MOVE, failing_rules
from trusteq.comparing.calibration_fault import ANSWER, CONFIDENCE
from trusteq.comparing.measures import in_words
from trusteq.record.advice import Advice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.comparing.calibration_fault import Fault
    from trusteq.comparing.remedies import Recalibration, TriedMap
    from trusteq.comparing.thresholds import Threshold
    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import Verdict

TARGETS = {"matched": "to match the reference's confidence", "recalibrated": "fitted to the labels"}
MAPS = {
    "temperature": "one temperature",
    "by answer": "a temperature for each answer",
    "isotonic": "an isotonic map",
    "vector": "vector scaling",
}
"""What each map is called."""
CUT_OFF = 0.9


def calibration_advice(
    found: Recalibration | None,
    verdict: Verdict,
    measures: Mapping[str, Estimate],
    labels: Sequence[str],
    thresholds: Sequence[Threshold] = (),
) -> Advice | None:
    """The map that corrects calibration, or the kind of fault; None if no rule fails or nothing can be said.

    ``measures`` are those of calibration. ``labels`` are those that all items share, in the order of the audit.
    """
    if found is None:
        return None
    best = next((tried for tried in found.maps if tried.recommended), None)
    where = place_in_words(found.fault)
    place = "" if where is None else f"{where}: "
    if best is not None:
        sentence = f"{place}{_corrected(best, failing_rules(verdict), measures, labels)}"
        if found.fault.kind == "information":
            sentence += f"; {_lost(measures)} all the same"
        return Advice("temperature", sentence, best.mends)
    if found.fault.kind == "reference":
        return _moved_cut_off(found, measures, thresholds)
    if (hoped := _may_be_enough(found, verdict)) is not None:
        return Advice("calibration", f"{place}{hoped}")
    tried = ", ".join(dict.fromkeys(MAPS[one.map] for one in found.maps))
    nothing = f"no map of its confidence is shown to correct calibration without harm (tried: {tried})"
    if found.fault.kind == "information":
        return Advice("calibration", f"{nothing}; {_lost(measures)}")
    return Advice("calibration", f"{place}{nothing}")


def _may_be_enough(found: Recalibration, verdict: Verdict) -> str | None:
    """That the last map left every figure within its margin, though not for certain; None if it did not."""
    rules = {rule.measure: rule for d in verdict.dimensions for rule in d.rules}
    last, failing = found.maps[-1], failing_rules(verdict)
    figured = [name for name in failing if name in last.after]
    within = figured and all(rules[name].rule.allows(last.after[name].value) for name in figured)
    if last.harms or not within or last.moved.value < LEAST_MOVE:
        return None
    figures = " and ".join(f"{in_words(name)} {last.after[name]}" for name in figured)
    return f"{map_in_words(last)}, may correct calibration ({figures} on held-out folds); more items would show it"


def map_in_words(tried: TriedMap) -> str:
    """What the map is and what it was fitted to, with the part of the items that it applies to."""
    part = "" if tried.column is None else f" where {_part(tried.column, tried.value)}"
    t = "" if tried.temperature is None else f" T = {tried.temperature.value:.2f}"
    return f"{MAPS[tried.map]}{t}{part}, {TARGETS[tried.target]}"


def _corrected(tried: TriedMap, failing: Sequence[str], before: Mapping[str, Estimate], labels: Sequence[str]) -> str:
    """That a map corrects calibration, and how far, on held-out folds."""
    how, aim = "", TARGETS[tried.target]
    if tried.temperature is not None:
        t = tried.temperature
        where = "" if tried.column is None else f" where {_part(tried.column, tried.value)}"
        how = f"T = {t.value:.2f} [{t.low:.2f}, {t.high:.2f}], which divides the logits{where} ({aim})"
    elif tried.map == "by answer":
        each = list(zip(labels, tried.parameters["temperature"], strict=False))
        few = ", ".join(f"{label} {t:.2f}" for label, t in each)
        temperatures = [t for _, t in each]
        listed = few if len(each) <= 5 else f"{min(temperatures):.2f} to {max(temperatures):.2f}"
        how = f"a temperature for each answer ({listed}; {aim})"
    elif tried.map == "isotonic":
        how = f"an isotonic map of its confidence ({aim}; its points are in audit.json)"
    else:
        change = tried.own.get("accuracy")
        how = f"vector scaling, a scale and a bias for each label's logit ({aim}; the numbers are in audit.json)"
        if change is not None:
            interval = f"[{change.low:+.1%}, {change.high:+.1%}]"
            how += f", which also changes answers (accuracy {change.value:+.1%} {interval})"
    partly = "in part " if len(tried.mends) < len(failing) else ""
    kept = [in_words(name) for name in failing if name not in tried.mends]
    effect = " and ".join(f"{in_words(name)} goes from {before[name]} to {tried.after[name]}" for name in tried.mends)
    return (
        f"calibration is corrected {partly}by {how}: {effect} on held-out folds, and no other rule, no "
        f"label and no slice is shown to get worse{_not_shown(kept)}"
    )


def _not_shown(kept: Sequence[str]) -> str:
    return f"; not shown to be corrected: {', '.join(kept)}" if kept else ""


def place_in_words(fault: Fault) -> str | None:
    """Where the fault lies, if it lies in one part of the items."""
    if fault.column is None or fault.inside is None or fault.elsewhere is None:
        return None
    unit = "overconfidence, less the reference's," if "overconfidence" in fault.inside.method else "shift of confidence"
    where = _part(fault.column, fault.value)
    return f"the fault lies where {where} ({unit} {fault.inside}, elsewhere {fault.elsewhere})"


def _part(column: str, value: str | None) -> str:
    if column == CONFIDENCE:
        return f"confidence is {value}"
    return f"it answers {value}" if column == ANSWER else f"{column} = {value}"


def _lost(measures: Mapping[str, Estimate]) -> str:
    return (
        "information is lost: its confidence separates right answers from wrong ones less well (discrimination "
        f"{measures['discrimination_difference']})"
    )


def _moved_cut_off(found: Recalibration, measures: Mapping[str, Estimate], thresholds: Sequence[Threshold]) -> Advice:
    """That the candidate is better calibrated, so that cut-offs move; with the new one."""
    sentence = (
        f"it is better calibrated than the reference (smooth ECE difference {measures['smooth_ece_difference']}): do "
        "not make it match, move the cut-offs instead"
    )
    words = cut_off_words(found, thresholds)
    return Advice("cut-off", sentence if words is None else f"{sentence}; {words}")


def cut_off_words(found: Recalibration | None, thresholds: Sequence[Threshold]) -> str | None:
    """What the cut-off `CUT_OFF` does on the candidate, and another one in its place; None if it is not known."""
    row = next((r for r in thresholds if r["cut_off"] == CUT_OFF), None)
    if row is None:
        return None
    reference, candidate = row["coverage_reference"], row["coverage_candidate"]
    sentence = f"a cut-off of {CUT_OFF} accepts {candidate.value:.1%} of items instead of {reference.value:.1%}"
    held_out = next((c for c in found.cut_offs if c["of_reference"] == CUT_OFF), None) if found else None
    replacement = row.get("replacement")
    if held_out is not None:
        right = "" if held_out["accuracy"] is None else f", of which {_share(held_out['accuracy'])} are right"
        return (
            f"{sentence}; {held_out['cut_off']:.3f} keeps the reference's {held_out['keeps']} there: it accepts "
            f"{_share(held_out['coverage'])}{right} (on held-out folds)"
        )
    if found is not None and "replacement" in row:
        return f"{sentence}; no other is shown to keep the reference's accuracy there"
    if replacement:
        sentence += (
            f"; {replacement['cut_off']:.3f} keeps the reference's accuracy there and accepts "
            f"{replacement['coverage']:.1%} (chosen on these items)"
        )
    return sentence


def _share(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"
