"""What a run's JSON files must hold to be judged, shown and compared again, checked where they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from trusteq.errors import OptionError, RunError
from trusteq.record.document import Settings  # noqa: TC001 - pydantic reads it
from trusteq.stats.limits import LIMITS, refuse_too_few, within_limits
from trusteq.tasks.task import CLASSES, tasks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class _Data(BaseModel):
    source: str
    content: str
    asked: str
    items: int = Field(ge=1)
    ids: str
    arrays: list[str]


class _Model(BaseModel):
    name: str
    role: str
    kind: str
    location: str
    content: str | None
    details: dict[str, Any]
    predictions: str


class Manifest(BaseModel):
    """What ``manifest.json`` holds."""

    trusteq: str
    python: str
    platform: str
    versions: dict[str, str]
    data: _Data
    models: list[_Model] = Field(min_length=2)
    peer: _Model | None
    labels: list[str]
    plan: str | None
    policy: str
    settings: Settings
    command: list[str] | None
    files: dict[str, str]


def refuse_strangers(path: Path, manifest: Mapping[str, Any], audit: Mapping[str, Any]) -> None:
    """Nothing, or one clear line where a run's two files are of different runs, or one model is there twice."""
    names = [model["name"] for model in (audit["reference"], *audit["candidates"])]
    try:
        for name in LIMITS:
            within_limits(name, audit["settings"][name])
        refuse_too_few(audit["settings"]["resamples"], audit["policy"]["level"])
    except OptionError as error:
        raise RunError(f"{path / 'audit.json'}: damaged: settings: {error}; copy the run again") from None
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise RunError(f"{path / 'audit.json'}: damaged: two models are called {repeated[:80]!r}; copy the run again")
    task = audit["settings"].get("task", CLASSES)
    known = tasks()
    if task not in known:
        raise RunError(
            f"{path}: a run of the task {task[:80]!r}, which this trusteq does not know; it knows {', '.join(known)}"
        )
    if len(audit["labels"]) == 1 or not known[task].columns(audit["labels"]):
        raise RunError(
            f"{path / 'audit.json'}: damaged: labels: there are {len(audit['labels'])}, two or more are needed; copy "
            "the run again or audit again"
        )
    if len(set(audit["labels"])) < len(audit["labels"]):
        raise RunError(f"{path / 'audit.json'}: damaged: a label is there twice; copy the run again")
    peers = [None if of["peer"] is None else of["peer"]["name"] for of in (manifest, audit)]
    if manifest["schema_version"] == 1:
        peers = [None, None]  # told of in other ways
    for what, told, here in (
        ("peers", *peers),
        ("models", [model["name"] for model in manifest["models"]], names),
        ("labels", manifest["labels"], audit["labels"]),
        ("number of items", manifest["data"]["items"], audit["items"]["n"]),
        ("policies", manifest["policy"], audit["policy"]["name"]),
        ("settings", manifest["settings"], audit["settings"]),
        (
            "roles",
            [model["role"] for model in manifest["models"]],
            ["reference", *("candidate" for _ in audit["candidates"])],
        ),
    ):
        if told != here:
            raise RunError(
                f"{path}: damaged: {what} differ: manifest.json has {str(told)[:80]}, audit.json {str(here)[:80]}; "
                "copy the run again"
            )
