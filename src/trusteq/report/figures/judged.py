"""The rules that a verdict rests on, read back from a document."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from trusteq.policy import Rule
from trusteq.stats.estimate import Estimate
from trusteq.verdict import Outcome, RuleVerdict

if TYPE_CHECKING:
    from collections.abc import Mapping


class Judged(NamedTuple):
    """One rule's outcome for one candidate; ``required`` is whether the verdict needs its dimension."""

    candidate: str
    dimension: str
    required: bool
    verdict: RuleVerdict


def judged_rules(candidate: Mapping[str, Any]) -> list[Judged]:
    """A candidate's rules in the policy's order, without those of a dimension neither required nor measured."""
    return [
        Judged(candidate["name"], dimension["dimension"], dimension["required"], _verdict(rule))
        for dimension in candidate["verdict"]["dimensions"]
        if dimension["required"] or dimension["outcome"] != Outcome.NOT_MEASURED
        for rule in dimension["rules"]
    ]


def estimate_from(content: Mapping[str, Any]) -> Estimate:
    """An estimate of a document; null is what was not a number."""
    value, low, high = (math.nan if content[end] is None else content[end] for end in ("value", "low", "high"))
    return Estimate(value, low, high, content["n"], content["method"], content["level"])


def _verdict(rule: Mapping[str, Any]) -> RuleVerdict:
    return RuleVerdict(
        rule["measure"],
        Rule.model_validate(rule["rule"]),
        Outcome(rule["outcome"]),
        rule["reason"],
        None if rule["estimate"] is None else estimate_from(rule["estimate"]),
    )
