"""The rules that a verdict is based on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from trusteq.record.document import AuditedCandidate
    from trusteq.verdict import RuleVerdict


class JudgedRule(NamedTuple):
    """One rule's outcome for one candidate; ``required`` is whether the verdict needs its dimension."""

    candidate: str
    dimension: str
    required: bool
    verdict: RuleVerdict


def judged_rules(candidate: AuditedCandidate) -> list[JudgedRule]:
    """A candidate's rules in the policy's order, without those of a dimension neither required nor measured."""
    return [
        JudgedRule(candidate.name, dimension.dimension, dimension.required, rule)
        for dimension in candidate.verdict.dimensions
        if dimension.required or dimension.outcome is not Outcome.NOT_MEASURED
        for rule in dimension.rules
    ]
