"""An audit as a comment under a pull request: the verdict, why, what to do; the numbers folded away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trusteq.report.cost_words import cost_words, where
from trusteq.report.decisions import to_do, to_look_at
from trusteq.report.markdown_text import details, escaped, table
from trusteq.report.outlook_words import outlooks, sentence
from trusteq.report.waiver_words import of_candidate
from trusteq.report.wording import (
    MARKS,
    URGENT,
    beside_alignment,
    dimension_words,
    judged,
    margin,
    percent,
    policy_words,
    rule_words,
    sides,
    title,
)
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from trusteq.record.document import AuditDocument, AuditedCandidate
    from trusteq.record.evidence import Evidence
    from trusteq.verdict import DimensionVerdict

MARKER = "<!-- trusteq -->"
"""First line of every comment, by which a script finds the one to replace."""

LARGEST = 60_000
"""Characters; GitHub refuses a comment of more than 65,536."""

MORE = "Too long for a comment: the rest is in the run directory."

NAME = 80
"""Characters of a model's name."""


def markdown(evidence: Evidence) -> str:
    """The comment."""
    document = evidence.document
    parts = [MARKER, f"### {headline(document)}", scope(document), verdict_table(document)]
    parts += [f"> **{escaped(f.model, NAME)}**: {escaped(f.message)}" for f in evidence.findings if f.kind in URGENT]
    folded = [details(f"Numbers for {escaped(c.name, NAME)}", _numbers(document, c)) for c in document.candidates]
    if evidence.costs is not None:
        folded.append(details("Size and speed", cost_table(evidence)))
    last = f"<sub>{provenance(evidence)}</sub>"
    remaining = LARGEST - sum(len(part) + 2 for part in [*parts, last, MORE])
    for part in [*(_reasons(evidence, c) for c in document.candidates), *folded]:
        remaining -= len(part) + 2
        if remaining < 0:
            parts.append(MORE)
            break
        parts.append(part)
    return "\n\n".join([*parts, last]) + "\n"


def headline(document: AuditDocument) -> str:
    """The answer in one sentence."""
    reference = escaped(document.reference.name, NAME)
    if len(document.candidates) > 1:
        may = sum(c.verdict.outcome is Outcome.EQUIVALENT for c in document.candidates)
        return f"{may} of {len(document.candidates)} candidates may replace {reference}"
    (only,) = document.candidates
    name = escaped(only.name, NAME)
    if only.verdict.outcome is Outcome.EQUIVALENT:
        return f"{name} may replace {reference}"
    if only.verdict.outcome is Outcome.UNDECIDED:
        return f"Undecided whether {name} may replace {reference}"
    return f"{name} may not replace {reference}"


def scope(document: AuditDocument) -> str:
    """What the verdict is based on: items, policy, level."""
    ignored = document.items.ignored
    left_out = f" ({ignored:,} excluded by label)" if ignored else ""
    left_out += f", {document.explained:,} of them explained" if document.explained is not None else ""
    policy = escaped(policy_words(document.policy))
    return f"{document.items.n:,} items{left_out}, policy {policy}, {percent(document.policy.level)} intervals"


def verdict_table(document: AuditDocument) -> str:
    """One line per candidate."""
    rows = [
        [
            escaped(c.name, NAME),
            f"**{outcome(c.verdict.outcome)}**",
            *(dimension(d) for d in c.verdict.dimensions),
        ]
        for c in document.candidates
    ]
    return table(["candidate", "verdict", *document.dimensions], rows)


def outcome(value: Outcome) -> str:
    """An outcome as sign and word."""
    return f"{MARKS[value]} {value}"


def dimension(verdict: DimensionVerdict) -> str:
    """A dimension's outcome; in brackets where it is not required."""
    return outcome(verdict.outcome) if verdict.required else f"({dimension_words(verdict)})"


def rule_table(document: AuditDocument, candidate: AuditedCandidate) -> str:
    """One line per rule: both models' figures, what is judged with its interval, the margin, the outcome."""
    rows = [
        [
            escaped(title(rule.measure)),
            *sides(rule.measure, candidate.flat),
            judged(rule, required=d.required),
            margin(rule),
            f"{MARKS[rule.outcome]} {rule_words(rule, required=d.required)}",
        ]
        for d in candidate.verdict.dimensions
        for rule in d.rules
    ]
    level = percent(document.policy.level)
    return table(["measure", "reference", "candidate", f"difference [{level}]", "margin", ""], rows, right=(1, 2))


def undecided(candidate: AuditedCandidate) -> str:
    """Which way each undecided rule leans, and how more items are likely to end; empty where there are none."""
    sentences = (sentence(dimension, rule) for dimension, rule in outlooks(candidate.verdict))
    return "\n".join(f"- {escaped(text)}" for text in sentences)


def _numbers(document: AuditDocument, candidate: AuditedCandidate) -> str:
    beside = "\n".join(f"- {escaped(words)}" for words in beside_alignment(candidate))
    return "\n\n".join(part for part in (rule_table(document, candidate), beside, undecided(candidate)) if part)


def cost_table(evidence: Evidence) -> str:
    """One line per model, and where it was measured."""
    costs = evidence.costs or {}
    words = cost_words(costs, evidence.document.models)
    rows = [[escaped(c.name, NAME), c.parameters, c.disk, c.memory, c.latency, c.throughput] for c in words]
    head = ["model", "parameters", "on disk", "memory", "latency [quartiles]", "throughput [quartiles]"]
    return f"{table(head, rows, right=(1, 2, 3))}\n\nMeasured with {escaped(where(costs))}."


def provenance(evidence: Evidence) -> str:
    """Version and hashes, in one line."""
    manifest = evidence.manifest
    models = ", ".join(
        f"{escaped(model['name'], NAME)} {escaped(model['content'][:12]) if model['content'] else 'without a hash'}"
        for model in manifest["models"]
    )
    return f"trusteq {escaped(manifest['trusteq'], NAME)}; items {escaped(manifest['data']['content'][:12])}; {models}"


def _reasons(evidence: Evidence, candidate: AuditedCandidate) -> str:
    """The reason for a verdict, what was waived, what to do and what to look at."""
    text = f"**{escaped(candidate.name, NAME)}** is {outcome(candidate.verdict.outcome)}: "
    text += escaped(candidate.verdict.reason)
    waived = (f"**{escaped(words)}**" for words in of_candidate(evidence.waivers, candidate.name))
    lines = [text, "", *(f"- {words}" for words in waived)]
    for heading, said in (("What to do", to_do(evidence, candidate)), ("What to look at", to_look_at(candidate))):
        if said:
            lines += ["", f"{heading}:", "", *(f"- {escaped(advice.sentence)}" for advice in said)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip()
