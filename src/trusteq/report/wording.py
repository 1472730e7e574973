"""How numbers, names and outcomes are put into words, the same everywhere."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from trusteq.comparing.measures import find_measure, in_words, missing_need, sides_of
from trusteq.explain.unit_names import plural
from trusteq.policy import PRESETS, read_policy
from trusteq.stats.p_value import p_words
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from trusteq.comparing.pies import Pie
    from trusteq.models.base import Finding
    from trusteq.policy import Policy
    from trusteq.record.document import AuditDocument, AuditedCandidate
    from trusteq.stats.estimate import Estimate, PairedTest
    from trusteq.verdict import DimensionVerdict, RuleVerdict

MARKS = {
    Outcome.EQUIVALENT: "=",
    Outcome.NOT_EQUIVALENT: "≠",
    Outcome.UNDECIDED: "?",
    Outcome.NOT_MEASURED: "-",
}

RULE_WORDS = {
    Outcome.EQUIVALENT: "within margin",
    Outcome.NOT_EQUIVALENT: "beyond margin",
    Outcome.UNDECIDED: "undecided",
    Outcome.NOT_MEASURED: "not measured",
}
"""What a rule's outcome is called: a candidate that is better than it must be is within the margin, not equivalent."""

NOT_JUDGED = "not judged"
"""What a rule or a dimension is called that was not measured, and that the verdict does not depend on."""

URGENT = frozenset(
    {
        "one answer",
        "chosen items",
        "other policy",
        "other preprocessing",
        "other prompts",
        "unreadable items",
        "repeated items",
        "repeated rows",
        "labels misnamed",
        "own answers",
        "below majority",
        "chance",
        "no retraining",
        "wider policy",
        "other runs",
        "no hashes",
        "saturated logits",
        "task left out",
        "system left out",
        "trained on the explainer's perturbations",
    }
)
"""Kinds of findings that are listed above the numbers, because they say what the numbers are worth."""

BESIDE_ALIGNMENT = "alignment not trained on"
"""The kind of finding that stands beside a candidate's alignment."""

_WORD = re.compile(r"\b([Ww])ord(s?)\b")


def urgent(findings: Iterable[Finding]) -> list[str]:
    """What must be read before any number, each a sentence that starts with the model it is about."""
    return [f"{f.model}: {f.message}" for f in findings if f.kind in URGENT]


def beside_alignment(candidate: AuditedCandidate) -> list[str]:
    """A candidate's alignment asked in a way that it was not trained on, in a sentence; not judged. [] for most."""
    return [finding.message for finding in candidate.findings if finding.kind == BESIDE_ALIGNMENT]


def rule_words(rule: RuleVerdict, *, required: bool = True) -> str:
    """A rule's outcome in words; to pass a test of significance is not to be shown equal.

    ``required``: whether the verdict depends on it. What nobody asked for was not judged, whether it was measured or
    not.
    """
    if rule.outcome is Outcome.NOT_MEASURED and not required:
        return NOT_JUDGED
    if rule.rule.judged_on == "significance" and rule.outcome is Outcome.EQUIVALENT:
        return "not significant"
    return RULE_WORDS[rule.outcome]


def dimension_words(dimension: DimensionVerdict) -> str:
    """A dimension's outcome: in capitals where the verdict depends on it, in small letters where it does not."""
    if dimension.required:
        return str(dimension.outcome)
    return NOT_JUDGED if dimension.outcome is Outcome.NOT_MEASURED else dimension.outcome.lower()


def judged(rule: RuleVerdict, *, required: bool = True) -> str:
    """What a rule judges, with its interval; or that there is nothing to judge."""
    if rule.estimate is None:
        return RULE_WORDS[Outcome.NOT_MEASURED] if required else NOT_JUDGED
    return interval(rule.estimate)


def title(measure: str) -> str:
    """A measure's name in words, without "difference", which is the heading of its column."""
    entry = find_measure(measure)
    return in_words(measure) if entry is None else entry.heading


def policy_words(policy: Policy) -> str:
    """A policy's name and the beginning of its hash, which distinguishes it from others of the same name."""
    return f"{policy.name} ({policy.content()[:12]})"


def percent(share: float) -> str:
    """A share in percent with all its digits: a level of 0.99999 is not 100 %."""
    return f"{100 * share:.10g}%"


def number(value: float) -> str:
    """A figure with four decimal places; more for tiny figures and for those just below 1; or that it is unknown."""
    if math.isnan(value):
        return "unknown"
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.1e}"
    digits = 4
    while 0.9999 < abs(value) < 1 and abs(float(f"{value:.{digits}f}")) == 1:
        digits += 1
    return f"{value:.{digits}f}"


def interval(estimate: Estimate) -> str:
    """A value with its interval."""
    return f"{number(estimate.value)} [{number(estimate.low)}, {number(estimate.high)}]"


def sides(measure: str, measures: Mapping[str, Estimate]) -> tuple[str, str]:
    """The reference's and the candidate's own figure behind a difference; empty where there are none."""
    entry = find_measure(measure)
    if entry is None or entry.side != "difference":
        return "", ""
    estimates = (measures.get(one_side.name) for one_side in sides_of(entry.stem)[:2])
    reference, candidate = ("" if e is None else number(e.value) for e in estimates)
    return reference, candidate


def margin(rule: RuleVerdict) -> str:
    """A rule's margin in signs."""
    low, high = rule.rule.at_least, rule.rule.at_most
    if rule.rule.judged_on == "significance" and low == high:
        return f"no sig. diff. from {low:g}"
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f"≥ {low:g}" if low is not None else f"≤ {high:g}"


def listed(parts: Iterable[str]) -> str:
    """The parts as a list inside a sentence: "a, b and c"."""
    *head, last = list(parts) or [""]
    return f"{', '.join(head)} and {last}" if head else last


def answered_differently(pies: Sequence[Pie]) -> str:
    """How many items most candidates answer differently, or at how many places of how many items."""
    items = len({pie["id"] for pie in pies})
    named = "1 item" if items == 1 else f"{items:,} items"
    return named if items == len(pies) else f"{len(pies):,} places of {named}"


def not_measured(dimension: DimensionVerdict, measured: Collection[str]) -> str:
    """That a dimension was not measured, and what it needs as far as is known; ``measured`` are names of measures."""
    needs = (missing_need(rule.measure, measured) for rule in dimension.rules)
    missing = dict.fromkeys(need for need in needs if need is not None)
    return f"{dimension.dimension} was not measured" + (f" (it needs {listed(missing)})" if missing else "")


def unit_of(document: AuditDocument) -> str:
    """What one of the things whose weight a run explains is called, such as "word"; "unit" where no cut is known."""
    from trusteq.explain.units import unit_word  # it loads pyarrow, which other words do without

    return unit_word(document.settings["explain"])


def described(policy: Policy, unit: str) -> str:
    """What a policy says of itself; presets speak of these units."""
    own = policy.name in PRESETS and policy.description.startswith(read_policy(policy.name).description)
    return about(policy.description, unit) if own else policy.description


def about(text: str, unit: str) -> str:
    """A text about words, about these units instead."""

    def renamed(match: re.Match[str]) -> str:
        name = plural(unit) if match[2] else unit
        return name.capitalize() if match[1] == "W" else name

    return _WORD.sub(renamed, text)


def p_value(test: PairedTest) -> str:
    """A test's p-value in words."""
    return p_words(test.p_value)
