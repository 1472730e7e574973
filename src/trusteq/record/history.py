"""How a run came about: finished work that it took up, and other audits of the same models and items.

``work.json`` is written only where there is something to tell, and apart from all else: the same audit gives the same
bytes whether it was interrupted or not, and whatever was audited before.
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

MOST_BESIDE = 1_000
"""Runs beside a run that are looked into."""

MOST_BYTES = 2**28
"""Size of a file of theirs that is read."""

MOST_CHARACTERS = 80
"""Of a policy's name."""

MOST_NAMED = 5
"""Other audits that a sentence names."""

_STRICT = ConfigDict(strict=True, frozen=True, extra="forbid")
_Count = Annotated[int, Field(ge=0)]


class Attempt(BaseModel):
    """One audit: of what, how, and what came of it.

    items: the hash of ids and what the models read. reference: that of its content. settings: that of the settings, the
    policy, the items' labels, clusters and columns, and of how predictions were read. outcomes: the verdicts by the
    hash of each candidate's content.
    """

    model_config = _STRICT

    items: str
    reference: str
    seed: _Count
    policy: Annotated[str, Field(max_length=MOST_CHARACTERS)]
    settings: str
    outcomes: dict[str, Outcome]

    def rivals(self, other: Attempt) -> bool:
        """Whether the other asked the same of the same in another way: with another seed, say, or other margins."""
        same = (self.items, self.reference) == (other.items, other.reference)
        return same and not self.outcomes.keys().isdisjoint(other.outcomes) and self.settings != other.settings


class History(BaseModel):
    """What ``work.json`` holds: how many shards of work were taken up of how many, and other audits known of."""

    model_config = _STRICT

    schema_version: Annotated[int, Field(ge=1, le=1)] = 1
    taken_up: _Count = 0
    shards: _Count = 0
    others: tuple[Attempt, ...] = ()


def attempt_of(manifest: Mapping[str, Any], document: Mapping[str, Any]) -> Attempt | None:
    """The audit that the values in a run's two files tell of; None where a model has no hash to be known by.

    No other value in them is looked at, so that a run does not go unnoticed because of one.
    """
    reference, *candidates = manifest["models"]
    if any(model["content"] is None for model in manifest["models"]):
        return None
    verdicts = {candidate["name"]: Outcome(candidate["verdict"]["outcome"]) for candidate in document["candidates"]}
    scores = [model["details"].get("scores") for model in manifest["models"]]
    peer = manifest["peer"] and manifest["peer"]["content"]
    asked = [document["settings"], document["policy"], manifest["data"]["content"], document["labels"], scores, peer]
    said = json.dumps(asked, sort_keys=True)
    return Attempt(
        items=manifest["data"]["asked"],
        reference=reference["content"],
        seed=document["settings"]["seed"],
        policy=readable(document["policy"]["name"])[:MOST_CHARACTERS],
        settings=hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest(),
        outcomes={model["content"]: verdicts[model["name"]] for model in candidates},
    )


def read_history(directory: Path) -> History | None:
    """What a run's ``work.json`` tells; None where there is none."""
    path = directory / FILE
    try:
        _, text = read_json(path)
    except FileNotFoundError:
        return None
    return read(text, History, where=str(path))


def history_of(executor: Executor, own: Attempt | None) -> History | None:
    """What is to be told of an audit that was asked there; with ``own`` the folder of work is asked for others, too."""
    if not isinstance(executor, CachingExecutor):
        return None
    files = executor.files
    others = () if own is None else remembered(files.folder, own)
    found = History(taken_up=files.taken_up, shards=files.requested, others=others)
    return found if found.taken_up or found.others else None


def remembered(folder: LocalFolder | RemoteFolder, own: Attempt) -> tuple[Attempt, ...]:
    """The audits that are on record in a folder of work and rival this one, which is put on record itself."""
    found = []
    for name in folder.names():
        if name.startswith("audit-") and name.endswith(".json"):
            try:
                found.append(Attempt.model_validate_json(folder.read(name) or b""))
            except ValidationError:
                continue  # nothing rests on it
    written = own.model_dump_json().encode()
    folder.write(f"audit-{hashlib.sha256(written).hexdigest()}.json", written)
    rivals = {other.model_dump_json(): other for other in found if own.rivals(other)}
    return tuple(rivals[key] for key in sorted(rivals))


def beside(directory: Path, own: Attempt) -> Iterator[tuple[str, Attempt]]:
    """The runs that lie beside this one and rival it, by the name of their folder."""
    try:
        folders = sorted(path.parent for path in directory.resolve().parent.glob("*/manifest.json"))[:MOST_BESIDE]
    except OSError:
        return
    for path in folders:
        if path == directory.resolve():
            continue
        try:
            manifest = json.loads(_text(path / "manifest.json"))
            if manifest["data"]["asked"] != own.items:
                continue
            other = attempt_of(manifest, json.loads(_text(path / "audit.json")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, RunError):
            continue  # no run of today, or none at all
        if other is not None and own.rivals(other):
            yield path.name, other


def _text(path: Path) -> str:
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise ValueError("no file of a run")
    return path.read_text("utf-8")


def notices(history: History | None, others: Iterable[tuple[str, Attempt]]) -> tuple[Finding, ...]:
    """What a reader must know of how a run came about."""
    made = []
    named = [*others, *((f"seed {a.seed}", a) for a in (history.others if history else ()))]
    known: dict[str, tuple[str, Attempt]] = {}
    for name, attempt in named:
        known.setdefault(attempt.model_dump_json(), (name, attempt))
    if known:
        message = (
            f"{len(known)} other {'audit' if len(known) == 1 else 'audits'} of these models and items with other seeds "
            f"or settings: {_listed(list(known.values()))}; one that is picked from several is right less often than "
            "its intervals say"
        )
        made.append(Finding("other runs", "other runs", message, float(len(known))))
    if history is not None and history.taken_up:
        message = f"{history.taken_up:,} of {history.shards:,} shards of work were taken up, not asked for anew"
        made.append(Finding("work", "taken up", message, float(history.taken_up)))
    return tuple(made)


def _listed(known: Sequence[tuple[str, Attempt]]) -> str:
    said = [f"{name} (policy {a.policy}, {', '.join(a.outcomes.values())})" for name, a in known[:MOST_NAMED]]
    return ", ".join(said) + (f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else "")
