"""An audit as ``model-index``, the metadata by which Hugging Face's hub shows results: a card's front matter, in YAML.

Every text in it is quoted, and what is not a plain character is written as its code: the same in YAML, and nothing to
a reader of Markdown who meets it where no front matter is expected.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from trusteq.comparing.measures import in_words
from trusteq.data.clean import clean
from trusteq.report.wording import policy_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.record.evidence import Evidence

LONGEST = 200
"""Characters of a name."""

TASKS = {"choices": "multiple-choice", "tokens": "text-generation", "documents": "text-generation"}
"""The hub's names of tasks; those of classes follow from what the models read."""

READ = {
    "text": "text-classification",
    "picture": "image-classification",
    "sound": "audio-classification",
    "features": "audio-classification",
    "row": "tabular-classification",
}
UNKNOWN = "other"
"""The hub's name for a task that it does not know, or that predictions alone do not tell."""


def front_matter(evidence: Evidence) -> str:
    """The front matter of an only candidate, with the lines of dashes around it; a card is of one model."""
    (candidate,) = evidence.document.candidates
    metrics = [f"    - {{type: {type_}, value: {value}, name: {name}}}" for type_, value, name in _metrics(evidence)]
    return "\n".join(
        [
            "---",
            "model-index:",
            f"- name: {_quoted(candidate.name)}",
            "  results:",
            f"  - task: {{type: {_task(evidence)}}}",
            f"    dataset: {_dataset(evidence)}",
            "    metrics:",
            *metrics,
            "---",
        ]
    )


def _task(evidence: Evidence) -> str:
    kinds = {READ.get(segment.kind, UNKNOWN) for segment in evidence.segments.values()}
    by_kind = kinds.pop() if evidence.task.one_row and evidence.labels and len(kinds) == 1 else UNKNOWN
    return TASKS.get(evidence.task.name, by_kind)


def _dataset(evidence: Evidence) -> str:
    """The items, by the last part of their source: a published card must not show the rest of a path."""
    data = evidence.manifest["data"]
    name = _quoted(re.split(r"[/\\]", data["source"].rstrip("/\\"))[-1])
    args = f"{{items: {evidence.document.items.n}, sha256: {_quoted(data['content'])}}}"
    return f"{{type: {name}, name: {name}, args: {args}}}"


def _metrics(evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    """Type, value and name: the verdict, the accuracy, and each estimate that a rule judges with its interval."""
    document = evidence.document
    (candidate,) = document.candidates
    asked = f"may replace {document.reference.name} under policy {policy_words(document.policy)}"
    yield _quoted("trust-equivalence"), _quoted(candidate.verdict.outcome), _quoted(asked)
    rules = {rule.measure: rule.rule for d in candidate.verdict.dimensions for rule in d.rules}
    for measure in ["accuracy_candidate", *rules]:
        estimate = candidate.flat.get(measure)
        if estimate is None or not math.isfinite(estimate.value):
            continue
        low, high = (f"{end:.4g}" for end in (estimate.low, estimate.high))
        asked = f", {rules[measure]} is asked" if measure in rules else ""
        name = f"{in_words(measure)} ({100 * estimate.level:.10g}% interval {low} to {high}, n = {estimate.n}{asked})"
        type_ = "accuracy" if measure == "accuracy_candidate" else measure
        yield _quoted(type_), repr(float(f"{estimate.value:.6g}")), _quoted(name)


def _quoted(text: str) -> str:
    """A text as YAML writes it in double quotes."""
    words = clean(text)
    words = words if len(words) <= LONGEST else f"{words[: LONGEST - 4]} ..."
    return '"' + re.sub(r"[^A-Za-z0-9 .,:;()+/%=_-]", lambda found: f"\\U{ord(found[0]):08X}", words) + '"'
