"""Runs of former schema versions, read as today's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path


def refuse_newer(where: Path, content: dict[str, Any]) -> None:
    """Stop at a file that says it is of a former version and holds what only later ones hold."""
    data = content.get("data", {})
    if not isinstance(data, dict) or (where.name == "manifest.json" and not data):
        raise RunError(f"{where}: damaged: data: should be an object; copy the run again or audit again")
    known = {*content, *data}
    later = [name for name in ("files", "asked", "arrays") if name in known]
    if later:
        raise RunError(
            f"{where}: damaged: schema version {content['schema_version']} has no {later[0]!r}; copy the run again"
        )


def as_today(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """What one of a run's two JSON files would hold had it been written today; as it is where it was.

    Version 1 had no hashes of files, and told of the reference trained once more nothing but what it is.
    """
    if content["schema_version"] > 1:
        return content
    if name == "audit.json":
        return {**content, "schema_version": 2, "peer": content.get("peer")}
    data = content.get("data")
    if isinstance(data, dict):
        data = {**data, "asked": "", "arrays": []}
    return {**content, "data": data, "files": {}, "peer": None}
