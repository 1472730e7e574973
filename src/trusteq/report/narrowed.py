"""A finished audit before it is shown: narrowed to some candidates, or judged by another policy or other dimensions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trusteq.auditing.decision_advice import doubts, ship
from trusteq.auditing.perturbed_training import flattered, flattered_steps
from trusteq.auditing.undecided import next_steps, unmeasured_steps
from trusteq.comparing.measures import judged_as
from trusteq.errors import OptionError
from trusteq.models.base import Finding
from trusteq.record.audit import exit_code
from trusteq.record.document import PatchSummary
from trusteq.record.judging import judged_by, refuse_other_level
from trusteq.report.wording import listed, policy_words
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd

    from trusteq.policy import Policy
    from trusteq.record.document import AuditDocument, AuditedCandidate
    from trusteq.record.evidence import Evidence
    from trusteq.record.waivers import Waiver

_BY_VERDICT = frozenset({"ship", "labels", "explanations", "measure more", "decide"})
"""Kinds of advice that follow from the verdict and the estimates alone."""

_OF_BEHAVIOUR = frozenset({"cascade", "route", "retrain"})
"""Kinds of advice that make no sense for a candidate that is EQUIVALENT."""


_OF_MODELS = frozenset({"estimates", "flips", "attributions", "agreement", "words", "top_words", "top_patches"})
"""The tables with a column that names a candidate or a model."""


_SEARCHED = frozenset(
    {"temperature", "calibration", "cut-off", "cascade", "route", "retrain", "slice", "explained slice"}
)
"""Kinds of advice that were searched for with the margins of the run's own policy in view."""


def narrowed(
    evidence: Evidence,
    candidates: Collection[str] = (),
    dimensions: tuple[str, ...] | None = None,
    policy: Policy | None = None,
) -> Evidence:
    """The evidence of these candidates alone, judged by this policy, as if it required these dimensions."""
    document = evidence.document
    rules = document.policy if policy is None else policy
    if dimensions is not None:
        rules = rules.requiring(dimensions, document.own_measures)
    if policy is not None or dimensions is not None:
        evidence = _judged(evidence, rules)
    return _only(evidence, candidates) if candidates else evidence


def _judged(evidence: Evidence, policy: Policy) -> Evidence:
    document = evidence.document
    if not _same_margins(policy, document.policy):
        evidence = _without_searched(evidence, policy)
    everybody = [*evidence.document.candidates, *([] if evidence.document.peer is None else [evidence.document.peer])]
    for candidate in everybody:
        refuse_other_level(policy, candidate)
    candidates = everybody[: len(document.candidates)]
    judged = tuple(_judged_again(candidate, policy, document) for candidate in candidates)
    peer = evidence.document.peer
    return replace(
        evidence,
        document=replace(
            document,
            policy=policy,
            candidates=judged,
            peer=None if peer is None else _judged_again(peer, policy, document),
            exit_code=exit_code(candidate.verdict.outcome for candidate in judged),
        ),
    )


def _same_margins(policy: Policy, other: Policy) -> bool:
    """Whether two policies differ at most in their names and in what they require."""
    return all(getattr(policy, field) == getattr(other, field) for field in ("rules", "level", "min_items"))


def _without_searched(evidence: Evidence, policy: Policy) -> Evidence:
    """The evidence without what was found by looking at the margins of the run's own policy."""
    document = evidence.document

    def without(candidate: AuditedCandidate) -> AuditedCandidate:
        return replace(
            candidate,
            advice=tuple(advice for advice in candidate.advice if advice.kind not in _SEARCHED),
            recalibration=None,
            cascade=None,
            slices=tuple(replace(part, p_judged={}) for part in candidate.slices),
            strata=tuple(replace(part, p_judged={}) for part in candidate.strata),
        )

    message = (
        f"judged here by policy {policy_words(policy)}, not by the run's own, {policy_words(document.policy)}; "
        "remedies, routing and slices beyond a margin, which the audit looked for by its own margins, are left out"
    )
    return replace(
        evidence,
        document=replace(
            document,
            candidates=tuple(map(without, document.candidates)),
            peer=None if document.peer is None else without(document.peer),
        ),
        notices=(*evidence.notices, Finding("report", "other policy", message, 1.0)),
        waivers=tuple(waiver for waiver in evidence.waivers if _is_waived(waiver, policy, document.candidates)),
    )


def _is_waived(waiver: Waiver, policy: Policy, candidates: Sequence[AuditedCandidate]) -> bool:
    """Whether the policy has the margin that a waiver was given for."""
    measured = [candidate.flat for candidate in candidates if candidate.name == waiver.candidate]
    return any(
        judged_as(name, flat) == waiver.measure and rule == waiver.rule
        for flat in measured
        for rules in policy.rules.values()
        for name, rule in rules.items()
    )


def _judged_again(candidate: AuditedCandidate, policy: Policy, document: AuditDocument) -> AuditedCandidate:
    verdict = judged_by(policy, candidate, document)
    no_explain = document.settings.get("no_explain", False)
    left_out = _BY_VERDICT | _OF_BEHAVIOUR if verdict.outcome is Outcome.EQUIVALENT else _BY_VERDICT
    kept = [advice for advice in candidate.advice if advice.kind not in left_out]
    missing = unmeasured_steps(verdict, candidate.measures, no_explain=no_explain, chosen=document.chosen)
    steps = flattered_steps(verdict, flattered=flattered(candidate.identity, document.settings["explain"]))
    of_slices = [advice for advice in kept if advice.kind in ("slice", "explained slice")]
    of_models = (*document.reference.findings, *candidate.findings, *document.items.findings)
    unsettled = doubts(of_models, document.items.copies)
    return replace(
        candidate,
        verdict=verdict,
        advice=(*ship(verdict, of_slices, unsettled), *missing, *steps, *kept, *next_steps(verdict)),
    )


def _only(evidence: Evidence, candidates: Collection[str]) -> Evidence:
    document, names = evidence.document, evidence.models[1:]
    unknown = next((name for name in candidates if name not in names), None)
    if unknown is not None:
        raise OptionError(f"--candidate {unknown}: there is no such candidate; choose from {', '.join(names)}")
    left_out = [name for name in names if name not in candidates]
    if not left_out:
        return evidence
    models = {document.reference.name, *candidates}
    chosen = tuple(candidate for candidate in document.candidates if candidate.name in candidates)
    protocol = document.protocol
    if isinstance(protocol, PatchSummary):
        protocol = replace(protocol, pairs=tuple(p for p in protocol.pairs if {p.first, p.second} <= models))
    elif protocol is not None:
        pairs = tuple(pair for pair in protocol.pairs if {pair.first, pair.second} <= models)
        protocol = replace(protocol, pairs=pairs)
    code = exit_code(candidate.verdict.outcome for candidate in chosen)
    costs = evidence.costs
    if costs is not None:
        costs = {**costs, "models": [model for model in costs["models"] if model["name"] in models]}
    manifest = evidence.manifest
    manifest = {**manifest, "models": [model for model in manifest["models"] if model["name"] in models]}

    def table(name: str) -> pd.DataFrame | None:
        found = evidence.table(name)
        for column, known in (("candidate", candidates), ("model", models)):
            if found is not None and name in _OF_MODELS and column in found.columns:
                found = found[found[column].isin([*known])].reset_index(drop=True)
        return found

    message = f"this report shows {len(chosen)} of the run's {len(names)} candidates, without {listed(left_out)}"
    return replace(
        evidence,
        document=replace(document, candidates=chosen, protocol=protocol, exit_code=code, pies=[]),
        manifest=manifest,
        table=table,
        costs=costs,
        notices=(*evidence.notices, Finding("report", "candidates left out", message, float(len(left_out)))),
        waivers=tuple(waiver for waiver in evidence.waivers if waiver.candidate in candidates),
    )
