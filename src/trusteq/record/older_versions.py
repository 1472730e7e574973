"""Runs of older schema versions, upgraded to the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path


def refuse_later_fields(where: Path, content: dict[str, Any]) -> None:
    """Stop if a file claims an older version, but has fields that only later versions have."""
    data = content.get("data", {})
    if not isinstance(data, dict) or (where.name == "manifest.json" and not data):
        raise RunError(f"{where}: damaged: data: should be an object; copy the run again or audit again")
    fields = {*content, *data}
    later = [name for name in ("files", "asked", "arrays") if name in fields]
    if later:
        raise RunError(
            f"{where}: damaged: schema version {content['schema_version']} has no {later[0]!r}; copy the run again"
        )


def upgraded(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """The content of one of a run's two JSON files in the present schema version.

    Version 1 had no hashes of files, and of the retrained reference only its identity.
    """
    if content["schema_version"] > 1:
        return content
    if name == "audit.json":
        return {**content, "schema_version": 2, "peer": content.get("peer")}
    data = content.get("data")
    if isinstance(data, dict):
        data = {**data, "asked": "", "arrays": []}
    return {**content, "data": data, "files": {}, "peer": None}
