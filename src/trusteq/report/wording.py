"""How numbers, names and outcomes are put into words, the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.compare.measures import in_words, named, sides_of
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trusteq.models.base import Finding
    from trusteq.policy import Policy
    from trusteq.stats.estimate import Estimate, PairedTest
    from trusteq.verdict import RuleVerdict

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


URGENT = frozenset(
    {
        "one answer",
        "repeated items",
        "repeated rows",
        "labels misnamed",
        "below majority",
        "chance",
        "no retraining",
        "wider policy",
        "other runs",
        "no hashes",
        "saturated logits",
    }
)
"""Kinds of findings that stand above the numbers, for they say what these are worth."""


def urgent(findings: Iterable[Finding]) -> list[str]:
    """What must be read before any number, each a sentence about what it names."""
    return [f"{f.model}: {f.message}" for f in findings if f.kind in URGENT]


def rule_words(rule: RuleVerdict) -> str:
    """A rule's outcome in words; to pass a test of significance is not to be shown equal."""
    if rule.rule.judged_on == "significance" and rule.outcome is Outcome.EQUIVALENT:
        return "not significant"
    return RULE_WORDS[rule.outcome]


def title(measure: str) -> str:
    """A measure's name as words, without the "difference" that heads its column."""
    known = named(measure)
    return in_words(measure) if known is None else known.heading


def policy_words(policy: Policy) -> str:
    """A policy's name and the beginning of its hash, by which it is told from others of the name."""
    return f"{policy.name} ({policy.content()[:12]})"


def percent(share: float) -> str:
    """A share in percent with all its digits: a level of 0.99999 is not 100 %."""
    return f"{100 * share:.10g}%"


def number(value: float) -> str:
    """A figure with four digits behind the point, or as many as small ones and those just below 1 need."""
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
    known = named(measure)
    if known is None or known.side != "difference":
        return "", ""
    both = (measures.get(own.name) for own in sides_of(known.stem)[:2])
    reference, candidate = ("" if e is None else number(e.value) for e in both)
    return reference, candidate


def margin(rule: RuleVerdict) -> str:
    """A rule's margin in signs."""
    low, high = rule.rule.at_least, rule.rule.at_most
    if rule.rule.judged_on == "significance" and low == high:
        return f"no sig. diff. from {low:g}"
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f"≥ {low:g}" if low is not None else f"≤ {high:g}"


def p_value(test: PairedTest) -> str:
    """A p-value to two digits."""
    return "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.2g}"
