"""The answer in one sentence that can be repeated, and each candidate's reasons in another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trusteq.compare.measures import DIMENSIONS, in_words, named
from trusteq.report.wording import percent, title
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


Said = tuple[str, ...]
"""The parts of a sentence; names are `Name`."""


def answer(reference: str, candidates: Sequence[AuditedCandidate]) -> Said:
    """Which candidates may replace the reference, which may not, of which it is not known; and why, of a single one."""
    large = Name(reference)
    verdicts = [(c.name, c.verdict) for c in candidates]
    if len(candidates) == 1:
        (only,) = candidates
        small, outcome, reason = Name(only.name), only.verdict.outcome, f": {why(only.verdict, only.flat)}."
        if outcome is Outcome.UNDECIDED:
            return ("Whether ", small, " may replace ", large, " is not yet known", reason)
        return (small, _MAY[outcome], large, reason)
    groups = {outcome: [name for name, v in verdicts if v.outcome is outcome] for outcome in _ALL}
    for of_all, names in groups.items():
        if len(names) == len(verdicts):
            before, after = _ALL[of_all].format(len(names)).split("REFERENCE")
            return (before, large, after)
    parts: list[Said] = []
    for known in (Outcome.EQUIVALENT, Outcome.NOT_EQUIVALENT):
        if groups[known]:
            whom = (_MAY[known].removesuffix(" replace "),) if parts else (_MAY[known], large)
            parts.append((*_names(groups[known]), *whom))
    if groups[Outcome.UNDECIDED]:
        parts.append(("of ", *_names(groups[Outcome.UNDECIDED]), " it is not yet known"))
    return (*parts[0], *(word for part in parts[1:] for word in ("; ", *part)), ".")


_MAY = {Outcome.EQUIVALENT: " may replace ", Outcome.NOT_EQUIVALENT: " may not replace "}
_ALL = {
    Outcome.EQUIVALENT: "All {} candidates may replace REFERENCE.",
    Outcome.NOT_EQUIVALENT: "None of the {} candidates may replace REFERENCE.",
    Outcome.UNDECIDED: "Whether any of the {} candidates may replace REFERENCE is not yet known.",
}


def why(verdict: Verdict, measures: Mapping[str, Estimate]) -> str:
    """The reasons for a verdict in plain words: the end of a sentence."""
    required = [d for d in verdict.dimensions if d.required]
    if verdict.outcome is Outcome.EQUIVALENT:
        if any(r.rule.judged_on != "interval" for d in required for r in d.rules):
            return f"it passes what the policy asks of {listed(d.dimension for d in required)}"
        return _joined([DIMENSIONS[d.dimension].alike for d in required]) + ", within the margins"
    measured = [d for d in required if d.outcome is not Outcome.NOT_MEASURED]
    if verdict.outcome is Outcome.NOT_EQUIVALENT:
        rules = [r for d in measured for r in d.rules]
        return _joined([_broken(r, measures) for r in rules if r.outcome is Outcome.NOT_EQUIVALENT])
    unsure: dict[str, list[RuleVerdict]] = {}
    for d in measured:
        left = [r for r in d.rules if r.outcome in {Outcome.UNDECIDED, Outcome.NOT_MEASURED}]
        if left:
            items = max((r.estimate.n for r in d.rules if r.estimate), default=0)
            unsure.setdefault(f"{items:,} {DIMENSIONS[d.dimension].counted}", []).extend(left)
    said = [
        f"{items} leave open whether {listed(dict.fromkeys(_open(r.measure) for r in left))}"
        for items, left in unsure.items()
    ]
    missing = [d.dimension for d in required if d.outcome is Outcome.NOT_MEASURED]
    if missing:
        said.append(f"{listed(missing)} {'was' if len(missing) == 1 else 'were'} not measured")
    return "; ".join(said)


def listed(words: Iterable[str]) -> str:
    """The words as a list inside a sentence: "a, b and c"."""
    found = list(words)
    return " and ".join([", ".join(found[:-1]), found[-1]]) if len(found) > 1 else "".join(found)


def _names(names: Sequence[str]) -> Said:
    if len(names) > MOST_NAMES:
        return (f"{len(names)} candidates",)
    said: list[str] = []
    for i, name in enumerate(names):
        said += [*([] if i == 0 else [" and " if i == len(names) - 1 else ", "]), Name(name)]
    return tuple(said)


def _joined(parts: Iterable[str]) -> str:
    """The different parts as one; "it" is said once."""
    found = list(dict.fromkeys(parts))
    return listed([found[0], *(part.removeprefix("it ") for part in found[1:])])


def _broken(rule: RuleVerdict, measures: Mapping[str, Estimate]) -> str:
    """What a candidate does that a rule does not allow."""
    stem, e = _stem(rule.measure), rule.estimate
    if rule.rule.judged_on == "significance":
        return f"it differs significantly in {title(rule.measure)}"
    if stem == "accuracy" and e is not None and e.value < 0:
        both = [measures.get(f"accuracy_{side}") for side in ("reference", "candidate")]
        figures = [share(x.value) for x in both if x is not None]
        return "it is right less often" + (f" ({figures[1]} instead of {figures[0]})" if len(figures) == 2 else "")
    if stem == "disagreement" and e is not None:
        most = rule.rule.at_most
        allowed = "" if most is None else f" (at most {percent(most)} may)"
        return f"it changes {share(e.value)} of the answers{allowed}"
    return _BROKEN.get(stem, f"it is beyond the margin of {in_words(rule.measure)}")


def _open(measure: str) -> str:
    return _OPEN.get(_stem(measure), f"it is within the margin of {in_words(measure)}")


def _stem(measure: str) -> str:
    """A measure's name without what it is a difference of, the method it was made by, or the peer it is held to."""
    known = named(measure)
    return measure if known is None or known.side in {"reference", "candidate"} else known.stem


_BROKEN = {
    "smooth_ece": "it is worse calibrated",
    "confidence_profile_distance": "it is sure to a different degree",
    "alignment": "it looks at other words",
    "jaccard": "it has other top words",
}
_OPEN = {
    "accuracy": "it is right as often",
    "disagreement": "it answers alike",
    "smooth_ece": "it is as well calibrated",
    "confidence_profile_distance": "it is as sure",
    "alignment": "it looks at the same words",
    "jaccard": "it has the same top words",
}


def share(value: float) -> str:
    """A share in percent as one says it: "12%", "0.4%"."""
    if not math.isfinite(value):
        return "an unknown share"
    digits = 0 if value == 0 or 0.0995 <= abs(value) <= 0.9 or value == 1 else 1
    return f"{value:.{digits}%}"
