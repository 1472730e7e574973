"""An audit as a model card: what was compared, on what, how, the numbers, and what they do not say; and as metadata."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trusteq.comparing.measures import in_words
from trusteq.record.document import PatchSummary
from trusteq.report.markdown import NAME, cost_table, headline, outcome, rule_table, verdict_table
from trusteq.report.markdown_text import escaped, table
from trusteq.report.model_index import front_matter
from trusteq.report.waiver_words import of_candidate
from trusteq.report.wording import described, interval, not_measured, percent, policy_words, unit_of
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trusteq.record.document import AuditDocument, AuditedCandidate
    from trusteq.record.evidence import Evidence

_FURTHER = ("regressions", "corrections", "ece_difference", "brier_difference", "confidence_shift")
"""Measures that readers of a card look for, whether or not the policy judges them."""


def model_card(evidence: Evidence) -> str:
    """The section, to be pasted into a card; of an only candidate, after the metadata that the hub reads."""
    document, manifest = evidence.document, evidence.manifest
    auditor = f"trusteq {escaped(manifest['trusteq'], NAME)} under policy {escaped(policy_words(document.policy))}"
    parts = [
        *([front_matter(evidence)] if len(document.candidates) == 1 else []),
        "## Trust-equivalence audit",
        f"**{headline(document)}**, by {auditor}.",
        "### What was compared",
        _models(manifest),
        _items(document, manifest["data"]),
        "### How",
        _how(document),
        "### Results",
        verdict_table(document),
    ]
    for candidate in document.candidates:
        parts += [*_result(document, candidate, of_candidate(evidence.waivers, candidate.name))]
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


def _items(document: AuditDocument, data: Mapping[str, Any]) -> str:
    """The items, with the last part of their source: a published card must not show the rest of a path."""
    source = re.split(r"[/\\]", data["source"].rstrip("/\\"))[-1]
    items = document.items
    summary = f"{items.n:,} items of {escaped(source, NAME)}"
    if items.clusters is not None:
        summary += f" in {items.clusters:,} clusters"
    if items.ignored:
        summary += f", {items.ignored:,} more excluded by label"
    labels = ", ".join(escaped(label, NAME) for label in document.labels[:20])
    more = f" and {len(document.labels) - 20} more" if len(document.labels) > 20 else ""
    gold = "with gold labels" if items.labelled else "without gold labels"
    shared = f"; {len(document.labels)} labels: {labels}{more}" if document.labels else ""
    return f"{summary}, {gold}{shared}. SHA-256 of the items: {escaped(data['content'])}."


def _how(document: AuditDocument) -> str:
    policy, settings = document.policy, document.settings
    sentences = [
        f"Every model answered the same items. Differences are candidate minus reference; in brackets are "
        f"{percent(policy.level)} intervals on paired items ({settings['resamples']:,} resamples where they are "
        f"resampled, seed {settings['seed']}). A rule holds when the whole interval lies within its margin."
    ]
    if policy.description:
        sentences.append(f"The policy: {escaped(described(policy, unit_of(document)))}")
    if isinstance(document.protocol, PatchSummary):
        sentences.append(
            f"Explanations follow protocol {escaped(document.protocol.name)} on {document.protocol.items:,} items: "
            "Jaccard of the pixels of the top patches by occlusion and by integrated gradients."
        )
    elif document.protocol is not None:
        sentences.append(
            f"Explanations follow protocol {escaped(document.protocol.name)} on {document.protocol.items:,} items: "
            f"Jaccard of the top {document.k} words."
        )
    elif document.explained is not None:
        sentences.append(
            f"{document.explained:,} items were explained by LIME and Shapley values from the same perturbations for "
            "every model; alignment is the cosine of two models' attributions with the explainer's noise removed."
        )
    return "\n\n".join(sentences)


def _result(document: AuditDocument, candidate: AuditedCandidate, waivers: Sequence[str]) -> Iterator[str]:
    yield f"#### {escaped(candidate.name, NAME)}"
    yield f"{outcome(candidate.verdict.outcome)}: {escaped(candidate.verdict.reason)}"
    if waivers:
        yield "\n".join(f"- {escaped(words)}" for words in waivers)
    yield rule_table(document, candidate)
    judged = {rule.measure for dimension in candidate.verdict.dimensions for rule in dimension.rules}
    further = [name for name in _FURTHER if name in candidate.flat and name not in judged]
    if further:
        rows = [[in_words(name), interval(candidate.flat[name])] for name in further]
        yield table(["besides the policy's rules", f"[{percent(document.policy.level)}]"], rows)


def _limits(evidence: Evidence) -> Iterator[str]:
    """What the verdict does not cover."""
    document = evidence.document
    yield (
        "The verdict is about items like these, within these margins, at this level. It says nothing about other data, "
        "and the margins are the policy's."
    )
    if not any("accuracy_reference" in candidate.flat for candidate in document.candidates):
        yield "Without gold labels, neither accuracy nor calibration error was measured."
    missing = {
        not_measured(d, c.flat)
        for c in document.candidates
        for d in c.verdict.dimensions
        if d.outcome is Outcome.NOT_MEASURED and d.required
    }
    missing |= {
        f"{d.dimension} was not judged, as the policy does not require it"
        for c in document.candidates
        for d in c.verdict.dimensions
        if d.outcome is Outcome.NOT_MEASURED and not d.required
    }
    for sentence in sorted(missing):
        yield f"{sentence[:1].upper()}{sentence[1:]}."
    if document.explained is not None and document.explained < document.items.n:
        yield f"Explanations are of {document.explained:,} items drawn at random, not of all."
    for finding in evidence.findings:
        yield f"{escaped(finding.model, NAME)}: {escaped(finding.message)}."
