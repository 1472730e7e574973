"""What to do about a candidate, each decision with its price and the rules that it mends; and what to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.comparing.measures import in_words
from trusteq.record.advice import DECISIONS, Advice
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence
    from trusteq.verdict import Verdict

SAYS_WHAT_IT_MENDS = frozenset({"temperature", "cascade", "route"})
"""The decisions whose effect on rules was tried; the sentences of others say what they are for."""


def to_do(evidence: Evidence, candidate: AuditedCandidate) -> list[Advice]:
    """The decisions, each sentence with what routing saves where latency was measured, and the rules that it mends."""
    decisions = (advice for advice in candidate.advice if advice.kind in DECISIONS)
    ordered = sorted(decisions, key=lambda advice: DECISIONS.index(advice.kind))
    return [_priced(evidence, candidate, advice) for advice in ordered]


def to_look_at(candidate: AuditedCandidate) -> list[Advice]:
    """The advice that is no decision, but says where to look."""
    return [advice for advice in candidate.advice if advice.kind not in DECISIONS]


def _priced(evidence: Evidence, candidate: AuditedCandidate, advice: Advice) -> Advice:
    parts = [advice.sentence]
    cascade = candidate.cascade
    if cascade is not None and advice.kind in {"cascade", "route"}:
        tried = cascade.by_confidence if advice.kind == "cascade" else cascade.by_condition
        if tried is not None:
            straight = advice.kind == "route"
            parts += filter(None, [saving(evidence, candidate.name, tried.routed.value, straight=straight)])
    if advice.kind in SAYS_WHAT_IT_MENDS and advice.mends:
        parts.append(mended(candidate.verdict, advice.mends))
    return Advice(advice.kind, "; ".join(parts), advice.mends, advice.item)


def mended(verdict: Verdict, mends: tuple[str, ...]) -> str:
    """Which rules are then within their margins, and which required ones are still open."""
    required = [(d, rule) for d in verdict.dimensions if d.required for rule in d.rules]
    still = [in_words(r.measure) for _, r in required if r.outcome is not Outcome.EQUIVALENT and r.measure not in mends]
    mended_words = ", ".join(map(in_words, mends))
    if still:
        return f"mends {mended_words}; still open: {', '.join(still)}"
    return f"mends {mended_words}, after which every required rule is within its margin"


def saving(evidence: Evidence, candidate: str, routed: float, *, straight: bool = False) -> str | None:
    """How long an item then takes, against the reference alone; None where latency was not measured.

    ``straight``: whether a routed item goes to the reference at once, not after the candidate has answered it.
    """
    latency = latencies(evidence.costs)
    large, small = latency.get(evidence.models[0]), latency.get(candidate)
    if large is None or small is None:
        return None
    expected = expected_seconds(small, large, routed, straight=straight)
    change = expected / large - 1
    than = f"{abs(change):.0%} {'less' if change < 0 else 'more'} than"
    alone = f"the {_ms(large)} of the reference alone (one by one)"
    saved = "" if change < 0 else ", so routing saves no time on this machine"
    return f"an item takes {_ms(expected)} on average, {than} {alone}{saved}"


def expected_seconds(small: float, large: float, routed: float, *, straight: bool = False) -> float:
    """The mean time of an item if the reference answers the routed share, and the candidate every item.

    ``straight``: if the candidate answers only those that are not routed.
    """
    return (1 - routed if straight else 1) * small + routed * large


def latencies(costs: Mapping[str, Any] | None) -> dict[str, float]:
    """The median seconds of one item by model, where they were measured."""
    models = [] if costs is None else costs["models"]
    return {model["name"]: model["latency"]["median"] for model in models if model.get("latency") is not None}


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.3g} ms"
