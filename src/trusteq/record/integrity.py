"""Whether a run is still what was written: every file by its hash, every verdict by its estimates and its policy.

``manifest.json`` holds the SHA-256 of all other files, so whoever vouches for it vouches for the run. If nobody does,
hashes only detect accidents; but a run's verdicts are derived from its estimates again whenever it is read.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import trusteq
from trusteq.data.table import shown
from trusteq.data.yaml_file import parse_yaml
from trusteq.errors import RunError
from trusteq.models.base import Finding
from trusteq.policy import parse_policy
from trusteq.record.judging import judged_by
from trusteq.record.plain import plain
from trusteq.verdict import EXIT_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from trusteq.comparing.measures import Measure
    from trusteq.policy import Policy
    from trusteq.record.document import AuditDocument
    from trusteq.verdict import Verdict

MANIFEST = "manifest.json"
AUDIT_FILE = "audit-file.yaml"

_FILE = re.compile(
    r"(audit|costs|work)\.json|(policy|audit-file)\.yaml|"
    r"(items|estimates|flips|plan|attributions|agreement|words|sentences|top_words|top_patches|"
    r"(predictions|values|removed)/[A-Za-z0-9._-]+)\.parquet"
)

NO_HASHES = Finding(
    "run",
    "no hashes",
    "written by an older trusteq, without hashes of its files: changes to them cannot be detected; audit again",
    1.0,
)
"""The finding about every run of schema version 1."""


def file_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder but the manifest, by its path within the folder."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {file: _hash(folder / file) for file in files if file != MANIFEST}


def is_listed(file: str, manifest: Mapping[str, Any]) -> bool:
    """Whether a file belongs to a run: the manifest lists its hash, or lists none at all, as in schema version 1."""
    files = manifest.get("files")
    return not files or file in files


def refuse_changed(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Stop at the first file that does not match its hash in the manifest; the folder may hold other files, too."""
    files = manifest.get("files") or {}
    if not files and manifest["schema_version"] > 1:
        raise RunError(f"{folder / MANIFEST}: damaged: it holds no hash of any file; copy the run again or audit again")
    for file, expected in files.items():
        if not _FILE.fullmatch(file):
            raise RunError(f"{folder / MANIFEST}: damaged: {shown(file)} is not a file of a run; copy the run again")
        path = folder / file
        try:
            inside = path.resolve().is_relative_to(folder.resolve())
            actual = _hash(path) if inside and path.is_file() else None
        except OSError as error:
            raise RunError(f"{path}: cannot be read ({error.strerror or error}); copy the run again") from None
        if actual is None:
            raise RunError(f"{folder}: incomplete: no {file}; copy the run again or audit again")
        if actual != expected:
            raise RunError(
                f"{path}: changed since the run was written: its SHA-256 begins with {actual[:12]}, but {MANIFEST} "
                f"says {expected[:12]}; copy the run again or audit again"
            )


def checked_verdicts(folder: Path, manifest: Mapping[str, Any], document: AuditDocument) -> AuditDocument:
    """The content of ``audit.json``, with its verdicts in the words of this version.

    A verdict that does not follow from the run's estimates and policy is a one-line error.
    """
    policy = document.policy
    if _saved_policy(folder / "policy.yaml", document.own_measures) != policy:
        raise RunError(
            f"{folder / 'policy.yaml'}: not the policy in audit.json; copy the run again, or judge it by another "
            "policy with trusteq gate --policy"
        )
    where = folder / "audit.json"
    # Another version may have worded its reasons differently.
    same = (manifest["trusteq"], manifest["schema_version"]) == (trusteq.__version__, document.schema_version)
    compared = plain if same else _without_reasons
    peer = () if document.peer is None else (document.peer,)
    judged = []
    for candidate in (*document.candidates, *peer):
        verdict = judged_by(policy, candidate, document)
        judged.append(replace(candidate, verdict=verdict))
        if compared(candidate.verdict) != compared(verdict):
            raise RunError(
                f"{where}: damaged: its verdict on {candidate.name[:80]!r} ({candidate.verdict.outcome}) does not "
                f"follow from its estimates and policy ({verdict.outcome}); copy the run again or audit again"
            )
    candidates = tuple(judged[: len(document.candidates)])
    codes = {EXIT_CODES[candidate.verdict.outcome] for candidate in candidates}
    code = next(code for code in (1, 3, 0) if code in codes)
    if document.exit_code != code:
        raise RunError(
            f"{where}: damaged: its exit code is {document.exit_code}, but its verdicts give {code}; "
            "copy the run again or audit again"
        )
    return replace(document, candidates=candidates, peer=judged[-1] if peer else None)


def _without_reasons(verdict: Verdict) -> Any:
    """A verdict without the sentences that give its reasons."""
    rules = [[(r.measure, r.rule, r.outcome, r.estimate) for r in d.rules] for d in verdict.dimensions]
    return verdict.outcome, [(d.dimension, d.outcome, d.required) for d in verdict.dimensions], rules


def _saved_policy(path: Path, own_measures: Sequence[Measure]) -> Policy:
    try:
        text = path.read_text("utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: cannot be read as text: {error}; copy the run again") from None
    return parse_policy(parse_yaml(text, where=str(path), error=RunError), where=str(path), own=own_measures)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
