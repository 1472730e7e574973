"""The answer in one sentence that can be quoted, and each candidate's reasons in another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trusteq.comparing.measures import DIMENSIONS, find_measure, in_words
from trusteq.report.wording import about, listed, not_measured, percent, title
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trusteq.record.document import AuditedCandidate
    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import RuleVerdict, Verdict

MOST_NAMES = 6
"""Longer lists of candidates are counted, not listed."""


class Name(str):
    """A model's name inside a sentence."""

    __slots__ = ()


Sentence = tuple[str, ...]
"""The parts of a sentence; names are `Name`."""


def answer(reference: str, candidates: Sequence[AuditedCandidate], unit: str = "word") -> Sentence:
    """Which candidates may replace the reference, which may not, and which are undecided; for a single one also why."""
    large = Name(reference)
    verdicts = [(c.name, c.verdict) for c in candidates]
    if len(candidates) == 1:
        (only,) = candidates
        small, outcome = Name(only.name), only.verdict.outcome
        because = f": {reasons(only.verdict, only.flat, unit)}."
        if outcome is Outcome.UNDECIDED:
            return ("It is undecided whether ", small, " may replace ", large, because)
        return (small, _MAY[outcome], large, because)
    groups = {outcome: [name for name, v in verdicts if v.outcome is outcome] for outcome in _ALL}
    for common, names in groups.items():
        if len(names) == len(verdicts):
            before, after = _ALL[common].format(len(names)).split("REFERENCE")
            return (before, large, after)
    parts: list[Sentence] = []
    for decided in (Outcome.EQUIVALENT, Outcome.NOT_EQUIVALENT):
        if groups[decided]:
            may = (_MAY[decided].removesuffix(" replace "),) if parts else (_MAY[decided], large)
            parts.append((*_names(groups[decided]), *may))
    if groups[Outcome.UNDECIDED]:
        parts.append(("it is undecided whether ", *_names(groups[Outcome.UNDECIDED]), " may"))
    return (*parts[0], *(word for part in parts[1:] for word in ("; ", *part)), ".")


_MAY = {Outcome.EQUIVALENT: " may replace ", Outcome.NOT_EQUIVALENT: " may not replace "}
_ALL = {
    Outcome.EQUIVALENT: "All {} candidates may replace REFERENCE.",
    Outcome.NOT_EQUIVALENT: "None of the {} candidates may replace REFERENCE.",
    Outcome.UNDECIDED: "It is undecided whether any of the {} candidates may replace REFERENCE.",
}


def reasons(verdict: Verdict, measures: Mapping[str, Estimate], unit: str = "word") -> str:
    """The reasons for a verdict in plain words: the end of a sentence. ``unit`` is what explanations weigh."""
    return about(_reasons(verdict, measures), unit)


def _reasons(verdict: Verdict, measures: Mapping[str, Estimate]) -> str:
    required = [d for d in verdict.dimensions if d.required]
    if verdict.outcome is Outcome.EQUIVALENT:
        if any(r.rule.judged_on != "interval" for d in required for r in d.rules):
            return f"it passes the policy's rules on {listed(d.dimension for d in required)}"
        return _joined([DIMENSIONS[d.dimension].equivalent for d in required]) + ", within the margins"
    measured = [d for d in required if d.outcome is not Outcome.NOT_MEASURED]
    if verdict.outcome is Outcome.NOT_EQUIVALENT:
        rules = [r for d in measured for r in d.rules]
        return _joined([_broken(r, measures) for r in rules if r.outcome is Outcome.NOT_EQUIVALENT])
    undecided: dict[str, list[str]] = {}
    for d in measured:
        questions = [_open(r.measure) for r in d.rules if r.outcome is Outcome.UNDECIDED]
        if questions:
            items = max((r.estimate.n for r in d.rules if r.estimate), default=0)
            undecided.setdefault(f"{items:,} {DIMENSIONS[d.dimension].counted}", []).extend(questions)
    parts = [f"{items} do not show whether {_joined(questions)}" for items, questions in undecided.items()]
    parts += [r.reason for d in measured for r in d.rules if r.outcome is Outcome.NOT_MEASURED]
    parts += [not_measured(d, measures) for d in required if d.outcome is Outcome.NOT_MEASURED]
    return "; ".join(dict.fromkeys(parts))


def _names(names: Sequence[str]) -> Sentence:
    if len(names) > MOST_NAMES:
        return (f"{len(names)} candidates",)
    parts: list[str] = []
    for i, name in enumerate(names):
        parts += [*([] if i == 0 else [" and " if i == len(names) - 1 else ", "]), Name(name)]
    return tuple(parts)


def _joined(clauses: Iterable[str]) -> str:
    """The different clauses as one, with a single "it"."""
    first, *others = dict.fromkeys(clauses)
    return listed([first, *(clause.removeprefix("it ") for clause in others)])


def _broken(rule: RuleVerdict, measures: Mapping[str, Estimate]) -> str:
    """What a candidate does that a rule does not allow."""
    stem, e = _stem(rule.measure), rule.estimate
    if rule.rule.judged_on == "significance":
        return f"it differs significantly in {title(rule.measure)}"
    if stem == "accuracy" and e is not None and e.value < 0:
        both = [measures.get(f"accuracy_{side}") for side in ("reference", "candidate")]
        figures = [share(x.value) for x in both if x is not None]
        return "it is less accurate" + (f" ({figures[1]} instead of {figures[0]})" if len(figures) == 2 else "")
    if stem == "disagreement" and e is not None:
        limit = rule.rule.at_most
        allowed = "" if limit is None else f" (at most {percent(limit)} allowed)"
        return f"it changes {share(e.value)} of the answers{allowed}"
    if stem == "same_top" and e is not None:
        limit = rule.rule.at_least
        allowed = "" if limit is None else f" (at most {percent(1 - limit)} allowed)"
        return f"it finds another token most probable at {share(1 - e.value)} of the places{allowed}"
    return _BROKEN.get(stem, f"it is beyond the margin of {in_words(rule.measure)}")


def _open(measure: str) -> str:
    return _OPEN.get(_stem(measure), f"it is within the margin of {in_words(measure)}")


def _stem(measure: str) -> str:
    """A measure's name without "difference", the method it was made by, or the peer it is compared with."""
    entry = find_measure(measure)
    return measure if entry is None or entry.side in {"reference", "candidate"} else entry.stem


_BROKEN = {
    "smooth_ece": "it is worse calibrated",
    "confidence_profile_distance": "it differs in confidence",
    "alignment": "it looks at different words",
    "jaccard": "it has different top words",
    "token_kl_excess": "it gives next tokens other probabilities",
    "nll_per_byte_ratio": "it predicts the texts worse",
}
_OPEN = {
    "accuracy": "it is as accurate",
    "disagreement": "it gives the same answers",
    "smooth_ece": "it is as well calibrated",
    "confidence_profile_distance": "it is equally confident",
    "alignment": "it looks at the same words",
    "jaccard": "it has the same top words",
    "token_kl_excess": "it gives next tokens the same probabilities",
    "same_top": "it finds the same tokens most probable",
    "nll_per_byte_ratio": "it predicts the texts as well",
}


def share(value: float) -> str:
    """A share in percent as people say it: "12%", "0.4%"."""
    if not math.isfinite(value):
        return "an unknown share"
    digits = 0 if value == 0 or 0.0995 <= abs(value) <= 0.9 or value == 1 else 1
    return f"{value:.{digits}%}"
