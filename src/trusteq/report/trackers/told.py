"""What an experiment tracker is told of an audit: one run a candidate, with verdicts, judged estimates and files."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.data.clean import clean
from trusteq.record.plain import plain
from trusteq.report.narrowed import narrowed
from trusteq.report.page.page import page
from trusteq.report.wording import policy_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence

LONGEST = 500
"""Characters of a value in words: MLflow takes no more of a parameter everywhere."""


@dataclass(frozen=True)
class Told:
    """One candidate's audit, in a tracker's terms.

    verdicts: in words, overall, by dimension, and why. settings: what was compared, and the margins. numbers: every
    estimate that a rule judges, with its interval and n; those that could not be computed are missing. files: texts by
    name.
    """

    name: str
    verdicts: dict[str, str]
    settings: dict[str, str]
    numbers: dict[str, float]
    files: dict[str, str]


def told(evidence: Evidence, *, images: bool = True) -> Iterator[Told]:
    """What a tracker is told of each candidate; ``images``: whether the page shows pictures and sounds."""
    for candidate in evidence.document.candidates:
        alone = narrowed(evidence, [candidate.name])
        document = json.dumps(plain(alone.document), indent=1, ensure_ascii=False, allow_nan=False)
        yield Told(
            name=_words(f"{candidate.name} for {evidence.document.reference.name}"),
            verdicts=_verdicts(candidate),
            settings=_settings(evidence, candidate),
            numbers=_numbers(candidate),
            files={"report.html": page(alone, images=images), "audit.json": f"{document}\n"},
        )


def _verdicts(candidate: AuditedCandidate) -> dict[str, str]:
    by_dimension = {d.dimension: str(d.outcome) for d in candidate.verdict.dimensions if d.required}
    whole = {"verdict": str(candidate.verdict.outcome), **by_dimension, "reason": _words(candidate.verdict.reason)}
    return {f"trusteq.{name}": words for name, words in whole.items()}


def _settings(evidence: Evidence, candidate: AuditedCandidate) -> dict[str, str]:
    document, manifest = evidence.document, evidence.manifest
    contents = {model["name"]: str(model["content"]) for model in manifest["models"]}
    settings = {
        "reference": document.reference.name,
        "reference.sha256": contents[document.reference.name],
        "candidate": candidate.name,
        "candidate.sha256": contents[candidate.name],
        "items": str(document.items.n),
        "items.sha256": str(manifest["data"]["content"]),
        "policy": policy_words(document.policy),
        "level": f"{document.policy.level:.10g}",
        "seed": str(document.settings["seed"]),
        "resamples": str(document.settings["resamples"]),
        "trusteq": str(manifest["trusteq"]),
    }
    margins = {f"margin.{rule.measure}": str(rule.rule) for d in candidate.verdict.dimensions for rule in d.rules}
    return {name: _words(value) for name, value in {**settings, **margins}.items()}


def _numbers(candidate: AuditedCandidate) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for dimension in candidate.verdict.dimensions:
        for rule in dimension.rules:
            if (e := rule.estimate) is not None:
                stem = f"{dimension.dimension}/{rule.measure}"
                numbers |= {stem: e.value, f"{stem}_low": e.low, f"{stem}_high": e.high, f"{stem}_n": float(e.n)}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


def _words(text: str) -> str:
    words = clean(text)
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 4]} ..."
