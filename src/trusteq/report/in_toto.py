"""An audit as an in-toto statement, to be signed and passed on as evidence: what was tested, and the results.

The subject is ``manifest.json``, which holds the SHA-256 of every other file of the run; the predicate is in-toto's
Test Result v0.1. Signed by cosign or any other tool that writes envelopes (DSSE), it is an attestation.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from trusteq.data.clean import clean
from trusteq.errors import RunError
from trusteq.report.wording import urgent
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.record.evidence import Evidence

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"


def in_toto(evidence: Evidence) -> str:
    """The statement as JSON, in ASCII. Anything required that is not EQUIVALENT failed: undecided is not a pass.

    What must be read before any number is listed as a warning.
    """
    if evidence.directory is None:
        raise RunError("an in-toto statement lists the files of a run; save the audit first")
    document = evidence.document
    tests = [
        (f"{clean(c.name)}: {part}", outcome) for c in document.candidates for part, outcome in _required(c.verdict)
    ]
    warnings = [clean(sentence) for sentence in urgent(evidence.findings)]
    statement = {
        "_type": STATEMENT,
        "subject": [_digest(evidence, "manifest.json")],
        "predicateType": PREDICATE,
        "predicate": {
            "result": "FAILED" if document.exit_code else "WARNED" if warnings else "PASSED",
            "configuration": [_digest(evidence, "policy.yaml"), *_inputs(evidence)],
            "passedTests": [name for name, outcome in tests if outcome is Outcome.EQUIVALENT],
            "warnedTests": warnings,
            "failedTests": [name for name, outcome in tests if outcome is not Outcome.EQUIVALENT],
        },
    }
    return json.dumps(statement, indent=1) + "\n"


def _required(verdict: Any) -> Iterator[tuple[str, Outcome]]:
    yield "overall", verdict.outcome
    for dimension in verdict.dimensions:
        if dimension.required:
            yield dimension.dimension, dimension.outcome


def _inputs(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """The items and the models with trusteq's hashes of their contents, which are not hashes of single files."""
    yield {"name": "items", "digest": {"trusteqContent": evidence.manifest["data"]["content"]}}
    for model in evidence.manifest["models"]:
        if model["content"] is not None:
            name = f"{model['role']} {clean(model['name'])}"
            yield {"name": name, "digest": {"trusteqContent": model["content"]}}


def _digest(evidence: Evidence, name: str) -> dict[str, Any]:
    assert evidence.directory is not None  # noqa: S101 - checked above
    content = (evidence.directory / name).read_bytes()
    return {"name": name, "digest": {"sha256": hashlib.sha256(content).hexdigest()}}
