"""Advice: what to do and what to look at, in a few sentences chosen from the estimates. Nothing is estimated here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.auditing.advice_in_common import in_common_advice
from trusteq.auditing.calibration_advice import CUT_OFF, calibration_advice, cut_off_words
from trusteq.auditing.decision_advice import retraining_advice, routing_advice, ship
from trusteq.auditing.perturbed_training import flattered_steps
from trusteq.auditing.undecided import next_steps, unmeasured_steps
from trusteq.comparing.measures import in_words
from trusteq.explain.unit_names import plural
from trusteq.record.advice import Advice
from trusteq.stats.p_value import p_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.comparing.cascade import Cascade
    from trusteq.comparing.in_common import Common
    from trusteq.comparing.remedies import Recalibration
    from trusteq.comparing.slices import Slice
    from trusteq.comparing.thresholds import Threshold
    from trusteq.comparing.words import WordLean, WordLeans
    from trusteq.policy import Policy
    from trusteq.record.advice import AdviceKind
    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import Verdict

ALPHA = 0.05
SLICES_NAMED = 10


def advise(
    verdict: Verdict,
    policy: Policy,
    measures: Mapping[str, Mapping[str, Estimate]],
    recalibration: Recalibration | None,
    cascade: Cascade | None,
    slices: Sequence[Slice],
    strata: Sequence[Slice],
    thresholds: Sequence[Threshold],
    flips: Sequence[Mapping[str, Any]],
    words: WordLeans | None = None,
    common: Sequence[Common] = (),
    labels: Sequence[str] = (),
    *,
    no_explain: bool = False,
    chosen: bool = False,
    unit: str = "word",
    flattered: bool = False,
    unsettled: Sequence[str] = (),
) -> tuple[Advice, ...]:
    """Advice on one candidate, the most useful first.

    ``no_explain``: whether explanations were switched off. ``chosen``: whether the explained items were chosen.
    ``unit``: what has a weight in explanations. ``flattered``: whether it was trained on what explanations ask.
    ``unsettled``: kinds of findings by which the numbers may not mean what they seem to.
    """
    of_slices = [*slice_advice(slices), *slice_advice(strata, "explained slice")]
    return tuple(
        advice
        for advice in (
            *ship(verdict, of_slices, unsettled),
            calibration_advice(recalibration, verdict, measures.get("calibration", {}), labels, thresholds),
            *routing_advice(cascade),
            *retraining_advice(verdict, flips),
            *in_common_advice(common),
            _words(words, unit),
            *unmeasured_steps(verdict, measures, no_explain=no_explain, chosen=chosen),
            *flattered_steps(verdict, flattered=flattered),
            *of_slices,
            _threshold(thresholds, recalibration),
            _flips(flips),
            *next_steps(verdict),
        )
        if advice is not None
    )


def slice_advice(slices: Sequence[Slice], kind: AdviceKind = "slice") -> list[Advice]:
    """The slices beyond a margin that are shown to do worse than the rest, the most certain first.

    Three sentences at most: those of a column are in one if one measure shows it of all of them.
    """
    shown = [(min((p, name) for name, p in s.p_judged.items()), s) for s in slices if s.p_judged]
    found: dict[tuple[str, str], list[Slice]] = {}
    for (p, name), part in sorted(shown, key=lambda one: one[0]):
        if p < ALPHA:
            same = (n for column, n in found if column == part.column and part.p_judged.get(n, 1.0) < ALPHA)
            found.setdefault((part.column, next(same, name)), []).append(part)
    return [Advice(kind, _slice_sentence(name, parts)) for (_, name), parts in [*found.items()][:3]]


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


def _words(leans: WordLeans | None, unit: str) -> Advice | None:
    """The words that the two models weigh differently, three at most."""
    rows = [row for row in leans.rows if row.q_value < ALPHA and _weighs_differently(row)] if leans else []
    if not rows:
        return None
    words = ", ".join(
        f"{row.word!r} (reference {row.lean_reference:.1f}, candidate {row.lean_candidate:.1f})" for row in rows[:3]
    )
    more = f" and {len(rows) - 3:,} more (words.parquet)" if len(rows) > 3 else ""
    sentence = (
        f"weighs these {plural(unit)} differently from the reference: {words}{more}; 1 is an average {unit}'s weight"
    )
    return Advice("words", sentence)


def _weighs_differently(row: WordLean) -> bool:
    """Whether one model leans on a word at least twice as much as the other, or towards the opposite answer."""
    small, large = sorted((max(row.lean_reference, 0.1), max(row.lean_candidate, 0.1)))
    return large >= 2 * small or row.signed_reference * row.signed_candidate < 0


def _threshold(thresholds: Sequence[Threshold], found: Recalibration | None) -> Advice | None:
    row = next((r for r in thresholds if r["cut_off"] == CUT_OFF), None)
    better = found is not None and found.fault.kind == "reference"  # then there is advice on cut-offs already
    words = cut_off_words(found, thresholds)
    if row is None or row["crossing"].low < 0.02 or better or words is None:
        return None
    return Advice("cut-off", words)


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
