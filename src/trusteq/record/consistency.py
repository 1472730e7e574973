"""Whether a run's ``manifest.json`` and ``audit.json`` belong together and can be judged, shown and compared again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.errors import OptionError, RunError
from trusteq.stats.limits import LIMITS, refuse_too_few, within_limits
from trusteq.tasks.task import CLASSES, tasks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def refuse_inconsistent(path: Path, manifest: Mapping[str, Any], audit: Mapping[str, Any]) -> None:
    """Stop if ``manifest.json`` and ``audit.json`` contradict each other, or if ``audit.json`` contradicts itself."""
    names = [model["name"] for model in (audit["reference"], *audit["candidates"])]
    try:
        for name in LIMITS:
            within_limits(name, audit["settings"][name])
        refuse_too_few(audit["settings"]["resamples"], audit["policy"]["level"])
    except OptionError as error:
        raise RunError(f"{path / 'audit.json'}: damaged: settings: {error}; copy the run again") from None
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise RunError(f"{path / 'audit.json'}: damaged: two models are named {repeated[:80]!r}; copy the run again")
    task = audit["settings"].get("task", CLASSES)
    known_tasks = tasks()
    if task not in known_tasks:
        raise RunError(
            f"{path}: a run of the task {task[:80]!r}, which this trusteq does not know; it knows "
            f"{', '.join(known_tasks)}"
        )
    if len(audit["labels"]) == 1 or not known_tasks[task].columns(audit["labels"]):
        raise RunError(
            f"{path / 'audit.json'}: damaged: labels: {len(audit['labels'])} found, but two or more are needed; copy "
            "the run again or audit again"
        )
    if len(set(audit["labels"])) < len(audit["labels"]):
        raise RunError(f"{path / 'audit.json'}: damaged: a label appears twice; copy the run again")
    peers = [None if file["peer"] is None else file["peer"]["name"] for file in (manifest, audit)]
    if manifest["schema_version"] == 1:
        peers = [None, None]  # version 1 stored the peer in other ways
    for subject, in_manifest, in_audit in (
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
        if in_manifest != in_audit:
            raise RunError(
                f"{path}: damaged: {subject} differ: manifest.json has {str(in_manifest)[:80]}, audit.json has "
                f"{str(in_audit)[:80]}; copy the run again"
            )
