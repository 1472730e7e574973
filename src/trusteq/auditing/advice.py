"""Advice: what to do and what to look at, in a few sentences chosen from the estimates. Nothing is estimated here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.auditing.advice_in_common import in_common_advice
from trusteq.auditing.undecided import next_steps, unmeasured_steps
from trusteq.compare.measures import in_words
from trusteq.compare.temperature import COLDEST, HOTTEST
from trusteq.record.advice import Advice
from trusteq.stats.p_value import p_words
from trusteq.verdict import Outcome, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.compare.in_common import Common
    from trusteq.compare.slices import Slice
    from trusteq.compare.words import WordLean, WordLeans
    from trusteq.policy import Policy
    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import DimensionVerdict, Verdict

TARGETS = {"matched": "to match the reference's confidence", "recalibrated": "fitted to the labels"}
ALPHA = 0.05
CUT_OFF = 0.9
SLICES_NAMED = 10


def advise(
    verdict: Verdict,
    policy: Policy,
    measures: Mapping[str, Mapping[str, Estimate]],
    remedies: Mapping[str, Estimate],
    slices: Sequence[Slice],
    thresholds: Sequence[Mapping[str, Any]],
    flips: Sequence[Mapping[str, Any]],
    words: WordLeans | None = None,
    common: Sequence[Common] = (),
    *,
    no_explain: bool = False,
    chosen: bool = False,
) -> tuple[Advice, ...]:
    """Advice on one candidate, the most useful first.

    ``no_explain``: whether explanations were switched off. ``chosen``: whether the explained items were chosen.
    """
    return tuple(
        advice
        for advice in (
            _temperature(policy, measures, remedies),
            *in_common_advice(common),
            _words(words),
            *unmeasured_steps(verdict, measures, no_explain=no_explain, chosen=chosen),
            *slice_advice(slices),
            _threshold(thresholds),
            _flips(flips),
            *next_steps(verdict),
        )
        if advice is not None
    )


def _temperature(
    policy: Policy,
    measures: Mapping[str, Mapping[str, Estimate]],
    remedies: Mapping[str, Estimate],
) -> Advice | None:
    """Whether one temperature would correct calibration, judged by the same rules as the candidate itself."""
    if "calibration" not in measures:
        return None
    before = _calibration(measures["calibration"], policy)
    if before.outcome not in {Outcome.NOT_EQUIVALENT, Outcome.UNDECIDED}:
        return None
    closest: Estimate | None = None
    closest_aim = ""
    for target, aim in TARGETS.items():
        t = remedies.get(f"temperature_{target}")
        if t is None:
            continue
        if closest is None:
            closest, closest_aim = t, aim
        after = {name: remedies.get(f"{name}_{target}", e) for name, e in measures["calibration"].items()}
        unresolved = {rule.outcome for rule in _calibration(after, policy).rules} - {Outcome.EQUIVALENT}
        mended = tuple(r.measure for r in before.rules if r.outcome in {Outcome.NOT_EQUIVALENT, Outcome.UNDECIDED})
        temperature = f"T = {t.value:.2f} [{t.low:.2f}, {t.high:.2f}] ({aim})"
        if not unresolved:
            return Advice("temperature", f"calibration is corrected by {temperature}", mended)
        if unresolved == {Outcome.NOT_MEASURED}:
            sentence = f"as far as it was measured, calibration is corrected by {temperature}"
            return Advice("temperature", sentence, mended)
    if closest is None or before.outcome is Outcome.UNDECIDED:
        return None
    if COLDEST * 1.01 < closest.value < HOTTEST / 1.01:
        sentence = (
            f"no single temperature is shown to correct calibration (closest T = {closest.value:.2f}, {closest_aim})"
        )
    else:
        sentence = f"no single temperature from {COLDEST:g} to {HOTTEST:g} corrects calibration"
    change = measures["calibration"].get("discrimination_difference")
    if change is not None and change.high < 0:
        sentence += (
            "; information is lost: its confidence separates right answers from wrong ones less well (discrimination "
            f"{change})"
        )
    return Advice("calibration", sentence)


def _calibration(estimates: Mapping[str, Estimate], policy: Policy) -> DimensionVerdict:
    return next(d for d in judge({"calibration": estimates}, policy).dimensions if d.dimension == "calibration")


def slice_advice(slices: Sequence[Slice]) -> list[Advice]:
    """The slices beyond a margin that are shown to do worse than the rest, the most certain first.

    Three sentences at most: those of a column are in one if one measure shows it of all of them.
    """
    shown = [(min((p, name) for name, p in s.p_judged.items()), s) for s in slices if s.p_judged]
    found: dict[tuple[str, str], list[Slice]] = {}
    for (p, name), part in sorted(shown, key=lambda one: one[0]):
        if p < ALPHA:
            same = (n for column, n in found if column == part.column and part.p_judged.get(n, 1.0) < ALPHA)
            found.setdefault((part.column, next(same, name)), []).append(part)
    return [Advice("slice", _slice_sentence(name, parts)) for (_, name), parts in [*found.items()][:3]]


def _slice_sentence(name: str, parts: Sequence[Slice]) -> str:
    """What the slices do worse, the most certain with its interval, `SLICES_NAMED` at most."""
    first, *others = parts
    figure = f"{in_words(name)} {_estimate_in(first, name)} ({p_words(first.p_judged[name])}, Holm)"
    sentence = f"{first.column} = {first.value} does worse than the rest: {figure}"
    if not others:
        return sentence
    more = [f"{part.value} ({_estimate_in(part, name).value:.4g})" for part in others[: SLICES_NAMED - 1]]
    left = len(others) - len(more)
    if left:
        more.append(f"{left:,} more")
    do = "does" if len(more) == 1 else "do"
    return f"{sentence}; so {do} {' and '.join(filter(None, (', '.join(more[:-1]), more[-1])))}"


def _estimate_in(part: Slice, name: str) -> Estimate:
    return next(group[name] for group in part.measures.values() if name in group)


def _words(leans: WordLeans | None) -> Advice | None:
    """The words that the two models weigh differently, three at most."""
    rows = [row for row in leans.rows if row.q_value < ALPHA and _weighs_differently(row)] if leans else []
    if not rows:
        return None
    words = ", ".join(
        f"{row.word!r} (reference {row.lean_reference:.1f}, candidate {row.lean_candidate:.1f})" for row in rows[:3]
    )
    more = f" and {len(rows) - 3:,} more (words.parquet)" if len(rows) > 3 else ""
    sentence = f"weighs these words differently from the reference: {words}{more}; 1 is an average word's weight"
    return Advice("words", sentence)


def _weighs_differently(row: WordLean) -> bool:
    """Whether one model leans on a word at least twice as much as the other, or towards the opposite answer."""
    small, large = sorted((max(row.lean_reference, 0.1), max(row.lean_candidate, 0.1)))
    return large >= 2 * small or row.signed_reference * row.signed_candidate < 0


def _threshold(thresholds: Sequence[Mapping[str, Any]]) -> Advice | None:
    row = next((r for r in thresholds if r["cut_off"] == CUT_OFF), None)
    if row is None:
        return None
    reference, candidate, crossing = row["coverage_reference"], row["coverage_candidate"], row["crossing"]
    if crossing.low < 0.02:
        return None
    sentence = f"a cut-off of {CUT_OFF} accepts {candidate.value:.1%} of items instead of {reference.value:.1%}"
    replacement = row.get("replacement")
    if replacement:
        sentence += (
            f"; {replacement['cut_off']:.3f} keeps the reference's accuracy there and accepts "
            f"{replacement['coverage']:.1%} (chosen on these items)"
        )
    return Advice("cut-off", sentence)


def _flips(flips: Sequence[Mapping[str, Any]]) -> Advice | None:
    if not flips:
        return None
    wrong = [row for row in flips if row["kind"] == "right to wrong"]
    first = (wrong or list(flips))[0]
    turned = f", {len(wrong):,} from right to wrong" if first["kind"] != "unlabelled" else ""
    change = "1 answer changes" if len(flips) == 1 else f"{len(flips):,} answers change"
    return Advice(
        "changes",
        f"{change}{turned}; the most confident: item {first['id']}, {first['reference_answer']} "
        f"-> {first['candidate_answer']} at {first['candidate_confidence']:.3f}",
        item=first["id"],
    )
