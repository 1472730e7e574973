"""An audit as a section of a model card: what was compared, on what, how, the numbers, and what they do not say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trusteq.compare.measures import in_words
from trusteq.report.markdown import NAME, cost_table, headline, outcome, rule_table, verdict_table
from trusteq.report.markdown_text import escaped, table
from trusteq.report.wording import interval, percent, policy_words
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trusteq.record.document import AuditDocument, AuditedCandidate
    from trusteq.record.evidence import Evidence

_BESIDE = ("regressions", "corrections", "ece_difference", "brier_difference", "confidence_shift")
"""Measures that readers of a card look for, whatever the policy judges."""


def model_card(evidence: Evidence) -> str:
    """The section, to be pasted into a card."""
    told, manifest = evidence.document, evidence.manifest
    made_by = f"trusteq {escaped(manifest['trusteq'], NAME)} under policy {escaped(policy_words(told.policy))}"
    parts = [
        "## Trust-equivalence audit",
        f"**{headline(told)}**, by {made_by}.",
        "### What was compared",
        _models(manifest),
        _items(told, manifest["data"]),
        "### How",
        _how(told),
        "### Results",
        verdict_table(told),
    ]
    for candidate in told.candidates:
        parts += [*_result(told, candidate)]
    if evidence.costs is not None:
        parts += ["### Size and speed", cost_table(evidence)]
    parts += ["### Limits", "\n".join(f"- {sentence}" for sentence in _limits(evidence))]
    return "\n\n".join(parts) + "\n"


def _models(manifest: Mapping[str, Any]) -> str:
    rows = [
        [
            model["role"],
            escaped(model["name"], NAME),
            escaped(model["kind"], NAME),
            f"`{model['content']}`" if model["content"] and re.fullmatch(r"[0-9a-f]+", model["content"]) else "none",
        ]
        for model in manifest["models"]
    ]
    return table(["role", "model", "kind", "SHA-256 of its content"], rows)


def _items(told: AuditDocument, data: Mapping[str, Any]) -> str:
    """The items, by the last part of where they came from: the rest is nobody's business."""
    source = re.split(r"[/\\]", data["source"].rstrip("/\\"))[-1]
    items = told.items
    said = f"{items.n:,} items of {escaped(source, NAME)}"
    if items.clusters is not None:
        said += f" in {items.clusters:,} clusters"
    if items.ignored:
        said += f", {items.ignored:,} more ignored by label"
    labels = ", ".join(escaped(label, NAME) for label in told.labels[:20])
    more = f" and {len(told.labels) - 20} more" if len(told.labels) > 20 else ""
    gold = "with gold labels" if items.labelled else "without gold labels"
    shared = f"; {len(told.labels)} labels: {labels}{more}" if told.labels else ""
    return f"{said}, {gold}{shared}. SHA-256 of the items: {escaped(data['content'])}."


def _how(told: AuditDocument) -> str:
    policy, settings = told.policy, told.settings
    said = [
        f"Every model answered the same items. Differences are candidate minus reference; in brackets are "
        f"{percent(policy.level)} intervals on paired items ({settings['resamples']:,} resamples where they are "
        f"resampled, seed {settings['seed']}). A rule holds when the whole interval lies within its margin."
    ]
    if policy.description:
        said.append(f"The policy: {escaped(policy.description)}")
    if told.protocol is not None:
        said.append(
            f"Explanations follow protocol {escaped(told.protocol.name)} on {told.protocol.items:,} items: Jaccard of "
            f"the top {told.k} words."
        )
    elif told.explained is not None:
        said.append(
            f"{told.explained:,} items were explained by LIME and Shapley values from the same perturbations for every "
            "model; alignment is the cosine of two models' attributions with the explainer's noise taken out."
        )
    return "\n\n".join(said)


def _result(told: AuditDocument, candidate: AuditedCandidate) -> Iterator[str]:
    yield f"#### {escaped(candidate.name, NAME)}"
    yield f"{outcome(candidate.verdict.outcome)}: {escaped(candidate.verdict.reason)}"
    yield rule_table(told, candidate)
    judged = {rule.measure for dimension in candidate.verdict.dimensions for rule in dimension.rules}
    beside = [name for name in _BESIDE if name in candidate.flat and name not in judged]
    if beside:
        rows = [[in_words(name), interval(candidate.flat[name])] for name in beside]
        yield table(["beside the policy's rules", f"[{percent(told.policy.level)}]"], rows)


def _limits(evidence: Evidence) -> Iterator[str]:
    """What the verdict does not say."""
    told = evidence.document
    yield (
        "The verdict is about items like these, within these margins, at this level. It says nothing about other data, "
        "and the margins are the policy's."
    )
    if not any("accuracy_reference" in candidate.flat for candidate in told.candidates):
        yield "Without gold labels neither accuracy nor calibration against them was measured."
    missing = {d.dimension for c in told.candidates for d in c.verdict.dimensions if d.outcome is Outcome.NOT_MEASURED}
    for dimension in sorted(missing):
        yield f"{dimension.capitalize()} was not measured."
    if told.explained is not None and told.explained < told.items.n:
        yield f"Explanations are of {told.explained:,} items drawn at random, not of all."
    for finding in evidence.findings:
        yield f"{escaped(finding.model, NAME)}: {escaped(finding.message)}."
