"""An audit as a badge: the JSON that shields.io/endpoint draws."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from trusteq.record.evidence import Evidence

COLOURS = {0: "brightgreen", 1: "red", 3: "yellow"}
"""By exit code, which is that of the worst verdict."""


def badge(evidence: Evidence) -> str:
    """The badge: the verdict of the only candidate, or how many of them are EQUIVALENT."""
    document = evidence.document
    outcomes = [candidate.verdict.outcome for candidate in document.candidates]
    equivalent = sum(outcome is Outcome.EQUIVALENT for outcome in outcomes)
    message = f"{outcomes[0]}" if len(outcomes) == 1 else f"{equivalent} of {len(outcomes)} EQUIVALENT"
    content = {"schemaVersion": 1, "label": "trusteq", "message": message, "color": COLOURS[document.exit_code]}
    return json.dumps(content) + "\n"
