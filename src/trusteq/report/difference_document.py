"""The difference of two audits as plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.record.plain import plain
from trusteq.report.wording import URGENT

if TYPE_CHECKING:
    from trusteq.record.evidence import Evidence
    from trusteq.report.difference import CandidateDifference, Change, Difference, Step

SCHEMA_VERSION = 1


def difference_document(difference: Difference) -> dict[str, Any]:
    """The whole difference."""
    return {
        "schema_version": SCHEMA_VERSION,
        "exit_code": difference.exit_code,
        "paired": difference.match.paired,
        "reason": difference.match.reason,
        "candidates": [candidate_document(candidate) for candidate in difference.candidates],
        "only_before": plain(difference.only_before),
        "only_now": plain(difference.only_now),
        "settings": plain(difference.settings),
        "same_policy": difference.same_policy,
        "read_first": {"before": _read_first(difference.older), "now": _read_first(difference.newer)},
    }


def _read_first(evidence: Evidence) -> list[dict[str, Any]]:
    """What must be read before any number."""
    return [plain(finding) for finding in evidence.findings if finding.kind in URGENT]


def candidate_document(candidate: CandidateDifference) -> dict[str, Any]:
    """What changed about one candidate."""
    answers = candidate.answered
    return {
        "name": plain(candidate.name),
        "before": plain(candidate.before),
        "same_model": candidate.same_model,
        "worse": candidate.worse,
        "verdict": _step(candidate.verdict),
        "dimensions": {name: _step(step) for name, step in candidate.dimensions.items()},
        "changes": [_change(change) for change in candidate.changes],
        "answers": None
        if answers is None
        else {
            "changed": len(answers.flips),
            "no_longer_the_reference_s": answers.lost,
            "again_the_reference_s": answers.regained,
            "items": [
                {
                    "id": plain(row["id"]),
                    "kind": row["kind"],
                    "gold": plain(row["gold"]),
                    "before": plain(row["reference_answer"]),
                    "before_confidence": row["reference_confidence"],
                    "now": plain(row["candidate_answer"]),
                    "now_confidence": row["candidate_confidence"],
                }
                for row in answers.flips
            ],
        },
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "before": str(step.before),
        "now": str(step.now),
        "required": step.required,
        "change": "worse" if step.worse else "better" if step.better else "none",
    }


def _change(change: Change) -> dict[str, Any]:
    rules = (change.before_rule, change.now_rule)
    return {
        "measure": change.measure,
        "dimension": change.dimension,
        "before": plain(change.before),
        "now": plain(change.now),
        "change": plain(change.change),
        "paired": change.paired,
        "direction": change.direction or "none",
        "rules": [None if rule is None else plain(rule.rule) for rule in rules],
        "outcomes": [None if rule is None else str(rule.outcome) for rule in rules],
    }
