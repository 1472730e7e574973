"""What to do and what to look at, in a few sentences; chosen from the estimates, nothing computed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.compare.measures import in_words
from trusteq.compare.temperature import COLDEST, HOTTEST
from trusteq.verdict import Outcome, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.compare.slices import Slice
    from trusteq.compare.words import WordLean, WordLeans
    from trusteq.policy import Policy
    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import DimensionVerdict, Verdict

TARGETS = {"matched": "to match the reference's confidence", "recalibrated": "fitted to the labels"}
ALPHA = 0.05
CUT_OFF = 0.9


def advise(
    verdict: Verdict,
    policy: Policy,
    measures: Mapping[str, Mapping[str, Estimate]],
    remedies: Mapping[str, Estimate],
    slices: Sequence[Slice],
    thresholds: Sequence[Mapping[str, Any]],
    flips: Sequence[Mapping[str, Any]],
    words: WordLeans | None = None,
) -> tuple[str, ...]:
    """Sentences for one candidate, the most useful first."""
    return tuple(
        sentence
        for sentence in (
            _temperature(policy, measures, remedies),
            _words(words),
            _not_labelled(verdict, measures),
            _not_explained(verdict, measures.get("explanation")),
            *_slices(slices, policy),
            _threshold(thresholds),
            _flips(flips),
            _items(verdict),
        )
        if sentence
    )


def _temperature(
    policy: Policy,
    measures: Mapping[str, Mapping[str, Estimate]],
    remedies: Mapping[str, Estimate],
) -> str | None:
    """Whether one temperature would mend the calibration, judged by the same rules as the candidate itself."""
    before = _calibration(measures["calibration"], policy)
    if before.outcome not in {Outcome.NOT_EQUIVALENT, Outcome.UNDECIDED}:
        return None
    closest: Estimate | None = None
    aim = ""
    for target, words in TARGETS.items():
        t = remedies.get(f"temperature_{target}")
        if t is None:
            continue
        if closest is None:
            closest, aim = t, words
        after = {name: remedies.get(f"{name}_{target}", e) for name, e in measures["calibration"].items()}
        left = {rule.outcome for rule in _calibration(after, policy).rules} - {Outcome.EQUIVALENT}
        if not left:
            return f"calibration is mended by T = {t.value:.2f} [{t.low:.2f}, {t.high:.2f}] ({words})"
        if left == {Outcome.NOT_MEASURED}:
            return (
                f"what was measured of calibration is mended by T = {t.value:.2f} [{t.low:.2f}, {t.high:.2f}] ({words})"
            )
    if closest is None or before.outcome is Outcome.UNDECIDED:
        return None
    if COLDEST * 1.01 < closest.value < HOTTEST / 1.01:
        said = f"no single temperature is shown to mend calibration (closest T = {closest.value:.2f}, {aim})"
    else:
        said = f"no single temperature from {COLDEST:g} to {HOTTEST:g} mends calibration"
    lost = measures["calibration"].get("discrimination_difference")
    if lost is not None and lost.high < 0:
        said += f"; information is lost: its confidence tells right from wrong less well (discrimination {lost})"
    return said


def _calibration(estimates: Mapping[str, Estimate], policy: Policy) -> DimensionVerdict:
    return next(d for d in judge({"calibration": estimates}, policy).dimensions if d.dimension == "calibration")


def _slices(slices: Sequence[Slice], policy: Policy) -> list[str]:
    """The slices beyond a margin that are surely worse off than the rest, the surest first, three at most."""
    margins = {name: rule for rules in policy.rules.values() for name, rule in rules.items()}
    found: list[tuple[float, str]] = []
    for s in slices:
        estimates = {name: e for group in s.measures.values() for name, e in group.items()}
        worse = [
            (p, name)
            for name, p in s.p_rest.items()
            if p < ALPHA
            and s.worse_than_rest.get(name)
            and name in margins
            and not margins[name].allows(estimates[name].value)
        ]
        if worse:
            p, name = min(worse)
            figure = f"{in_words(name)} {estimates[name]} (p = {p:.2g}, Holm)"
            found.append((p, f"{s.column} = {s.value} suffers more than the rest: {figure}"))
    return [said for _, said in sorted(found)[:3]]


def _words(leans: WordLeans | None) -> str | None:
    """The words that only one model leans on, three at most."""
    rows = [row for row in leans.rows if row.q_value < ALPHA and _unlike(row)] if leans else []
    if not rows:
        return None
    said = ", ".join(
        f"{row.word!r} (reference {row.lean_reference:.1f}, candidate {row.lean_candidate:.1f})" for row in rows[:3]
    )
    more = f" and {len(rows) - 3:,} more (words.parquet)" if len(rows) > 3 else ""
    return f"leans unlike the reference on {said}{more}; 1 is an average word's weight"


def _unlike(row: WordLean) -> bool:
    """Whether one model leans at least twice as much on a word as the other, or to the other side."""
    small, large = sorted((max(row.lean_reference, 0.1), max(row.lean_candidate, 0.1)))
    return large >= 2 * small or row.signed_reference * row.signed_candidate < 0


def _not_labelled(verdict: Verdict, measures: Mapping[str, Mapping[str, Estimate]]) -> str | None:
    """What to do where accuracy or calibration is required and there is nothing to measure it by."""
    labelled = "accuracy_reference" in measures.get("behaviour", {})
    missing = any(
        rule.outcome is Outcome.NOT_MEASURED
        for d in verdict.dimensions
        if d.required and d.dimension != "explanation"
        for rule in d.rules
    )
    if labelled or not missing:
        return None
    return "without gold labels nothing tells how right or how calibrated the answers are: name their column (--label)"


def _not_explained(verdict: Verdict, measured: Mapping[str, Estimate] | None) -> str | None:
    """What to do where explanations are required and were not made, or say nothing."""
    for d in verdict.dimensions:
        if d.dimension != "explanation" or not d.required or d.outcome is not Outcome.NOT_MEASURED:
            continue
        if measured:
            return (
                "alignment could not be measured: a model's attributions are mostly noise (reliability below 0.05); "
                "its answers may hardly depend on single words, else more --masks or --explain-items will tell"
            )
        if measured is None:
            return (
                "explanations need models that can be asked about texts with words left out, not files of predictions; "
                "--dimensions behaviour,calibration requires only the other two"
            )
    return None


def _threshold(thresholds: Sequence[Mapping[str, Any]]) -> str | None:
    row = next((r for r in thresholds if r["cut_off"] == CUT_OFF), None)
    if row is None:
        return None
    reference, candidate, crossing = row["coverage_reference"], row["coverage_candidate"], row["crossing"]
    if crossing.low < 0.02:
        return None
    said = f"a cut-off of {CUT_OFF} accepts {candidate.value:.1%} of items instead of {reference.value:.1%}"
    instead = row.get("replacement")
    if instead:
        kept = f"{instead['cut_off']:.3f} keeps the reference's accuracy there and accepts {instead['coverage']:.1%}"
        said += f"; {kept} (chosen on these items)"
    return said


def _flips(flips: Sequence[Mapping[str, Any]]) -> str | None:
    if not flips:
        return None
    wrong = [row for row in flips if row["kind"] == "right to wrong"]
    first = (wrong or list(flips))[0]
    turned = f", {len(wrong):,} from right to wrong" if first["kind"] != "unlabelled" else ""
    change = "1 answer changes" if len(flips) == 1 else f"{len(flips):,} answers change"
    return (
        f"{change}{turned}; the most confident: item {first['id']}, {first['reference_answer']} "
        f"-> {first['candidate_answer']} at {first['candidate_confidence']:.3f}"
    )


def _items(verdict: Verdict) -> str | None:
    """How many items would decide, where nothing but their number is missing."""
    if verdict.outcome is not Outcome.UNDECIDED:
        return None
    said = []
    for d in verdict.dimensions:
        rules = [r for r in d.rules if r.items_needed] if d.required else []
        if not rules:
            continue
        most = max(rules, key=lambda r: r.items_needed or 0)
        have = 0 if most.estimate is None else most.estimate.n
        how = f" instead of {have:,} (--explain-items {most.items_needed})" if d.dimension == "explanation" else ""
        said.append((d.dimension == "explanation", most.items_needed or 0, f"{most.needed(d.dimension)}{how}"))
    # Of behaviour and calibration, which are measured on the same items, the larger number.
    plain = max((part for part in said if not part[0]), default=None, key=lambda part: part[1])
    parts = [*([plain] if plain else []), *(part for part in said if part[0])]
    return f"{' and '.join(words for *_, words in parts)} would decide" if parts else None
