"""How a run came about: finished work that it reused, and other audits of the same models and items.

``work.json`` is written only if there is something to report, and is separate from everything else: the same audit
gives the same bytes whether it was interrupted or not, and whatever was audited before.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trusteq.data.surrogates import readable
from trusteq.errors import RunError
from trusteq.models.base import Finding
from trusteq.record.json_file import read_json
from trusteq.record.reading import read
from trusteq.verdict import Outcome
from trusteq.work.shard_files import CachingExecutor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from trusteq.work.folder import LocalFolder, RemoteFolder
    from trusteq.work.shard import Executor

FILE = "work.json"

MOST_NEIGHBOURS = 1_000
"""How many runs in the same folder are inspected."""

MOST_BYTES = 2**28
"""The size in bytes up to which their files are read."""

MOST_CHARACTERS = 80
"""The length to which a policy's name is cut."""

MOST_NAMED = 5
"""How many other audits a sentence names."""

_STRICT = ConfigDict(strict=True, frozen=True, extra="forbid")
_Count = Annotated[int, Field(ge=0)]


class Attempt(BaseModel):
    """One audit: of what, how, and with which outcomes.

    items: the hash of the ids and of what the models read, and the task. reference: the hash of the reference.
    settings: the hash of the settings, the policy, the items' labels, clusters and columns, and how predictions were
    read. outcomes: the verdicts, by each candidate's hash.
    """

    model_config = _STRICT

    items: str
    reference: str
    seed: _Count
    policy: Annotated[str, Field(max_length=MOST_CHARACTERS)]
    settings: str
    outcomes: dict[str, Outcome]

    def rivals(self, other: Attempt) -> bool:
        """Whether the other audited the same models and items differently, e.g. with another seed or other margins."""
        same = (self.items, self.reference) == (other.items, other.reference)
        return same and not self.outcomes.keys().isdisjoint(other.outcomes) and self.settings != other.settings


class History(BaseModel):
    """What ``work.json`` holds: how many shards of work were reused (``taken_up``), of how many, and other audits."""

    model_config = _STRICT

    schema_version: Annotated[int, Field(ge=1, le=1)] = 1
    taken_up: _Count = 0
    shards: _Count = 0
    others: tuple[Attempt, ...] = ()


def attempt_of(manifest: Mapping[str, Any], document: Mapping[str, Any]) -> Attempt | None:
    """The audit that the values in a run's two files describe; None if a model has no hash to be recognised by.

    No other value in them is read, so that none of those can hide a run.
    """
    reference, *candidates = manifest["models"]
    if any(model["content"] is None for model in manifest["models"]):
        return None
    verdicts = {candidate["name"]: Outcome(candidate["verdict"]["outcome"]) for candidate in document["candidates"]}
    scores = [model["details"].get("scores") for model in manifest["models"]]
    peer = manifest["peer"] and manifest["peer"]["content"]
    settings = [
        # Whether explanations were switched off or impossible, there were none.
        {name: value for name, value in document["settings"].items() if name != "no_explain"},
        document["policy"],
        manifest["data"]["content"],
        document["labels"],
        scores,
        peer,
    ]
    text = json.dumps(settings, sort_keys=True)
    # Another task is another question; another prompt is another attempt at the same one.
    task = document["settings"].get("task")
    return Attempt(
        items=manifest["data"]["asked"] + ("" if task is None else f" {task}"),
        reference=reference["content"],
        seed=document["settings"]["seed"],
        policy=readable(document["policy"]["name"])[:MOST_CHARACTERS],
        settings=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        outcomes={model["content"]: verdicts[model["name"]] for model in candidates},
    )


def read_history(directory: Path) -> History | None:
    """What a run's ``work.json`` holds; None if there is none."""
    path = directory / FILE
    try:
        _, text = read_json(path)
    except FileNotFoundError:
        return None
    return read(text, History, where=str(path))


def history_of(executor: Executor, attempt: Attempt | None) -> History | None:
    """What there is to report of an audit that ran on ``executor``; its folder of work may know of others."""
    if not isinstance(executor, CachingExecutor):
        return None
    files = executor.files
    others = () if attempt is None else recorded_rivals(files.folder, attempt)
    history = History(taken_up=files.taken_up, shards=files.requested, others=others)
    return history if history.taken_up or history.others else None


def recorded_rivals(folder: LocalFolder | RemoteFolder, attempt: Attempt) -> tuple[Attempt, ...]:
    """The audits recorded in a folder of work that rival this one, which is then recorded there, too."""
    recorded = []
    for name in folder.names():
        if name.startswith("audit-") and name.endswith(".json"):
            try:
                recorded.append(Attempt.model_validate_json(folder.read(name) or b""))
            except ValidationError:
                continue  # no result depends on it
    written = attempt.model_dump_json().encode()
    folder.write(f"audit-{hashlib.sha256(written).hexdigest()}.json", written)
    rivals = {other.model_dump_json(): other for other in recorded if attempt.rivals(other)}
    return tuple(rivals[key] for key in sorted(rivals))


def neighbouring_runs(directory: Path, attempt: Attempt) -> Iterator[tuple[str, Attempt]]:
    """The runs in the same parent folder that rival this one, each with the name of its folder."""
    try:
        folders = sorted(path.parent for path in directory.resolve().parent.glob("*/manifest.json"))[:MOST_NEIGHBOURS]
    except OSError:
        return
    for path in folders:
        if path == directory.resolve():
            continue
        try:
            manifest = json.loads(_text(path / "manifest.json"))
            if manifest["data"]["asked"] != attempt.items:
                continue
            other = attempt_of(manifest, json.loads(_text(path / "audit.json")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, RunError):
            continue  # not a run, or not of this version
        if other is not None and attempt.rivals(other):
            yield path.name, other


def _text(path: Path) -> str:
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise ValueError("not a file of a run")
    return path.read_text("utf-8")


def notices(history: History | None, others: Iterable[tuple[str, Attempt]]) -> tuple[Finding, ...]:
    """Findings about how a run came about."""
    findings = []
    named = [*others, *((f"seed {a.seed}", a) for a in (history.others if history else ()))]
    distinct: dict[str, tuple[str, Attempt]] = {}
    for name, attempt in named:
        distinct.setdefault(attempt.model_dump_json(), (name, attempt))
    if distinct:
        message = (
            f"{len(distinct)} other {'audit' if len(distinct) == 1 else 'audits'} of these models and items with other "
            f"seeds or settings: {_listed(list(distinct.values()))}; a result picked from several is right less often "
            "than its intervals say"
        )
        findings.append(Finding("other runs", "other runs", message, float(len(distinct))))
    if history is not None and history.taken_up:
        message = f"{history.taken_up:,} of {history.shards:,} shards of work were reused, not computed again"
        findings.append(Finding("work", "taken up", message, float(history.taken_up)))
    return tuple(findings)


def _listed(attempts: Sequence[tuple[str, Attempt]]) -> str:
    first = [f"{name} (policy {a.policy}, {', '.join(a.outcomes.values())})" for name, a in attempts[:MOST_NAMED]]
    return ", ".join(first) + (f" and {len(attempts) - MOST_NAMED} more" if len(attempts) > MOST_NAMED else "")
