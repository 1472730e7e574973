"""``manifest.json``: what was compared and how, as hashes, versions, settings and seed; and every other file's hash."""

from __future__ import annotations

import hashlib
import platform
import re
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

import trusteq
from trusteq.plugins import packages
from trusteq.record.document import SCHEMA_VERSION, Settings
from trusteq.record.plain import plain

if TYPE_CHECKING:
    from trusteq.record.audit import Audit

_VERSIONS = ("numpy", "scipy", "scikit-learn", "pyarrow", "torch", "transformers", "tokenizers", "onnxruntime")


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
    """What ``manifest.json`` must hold, checked when it is read."""

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


def manifest(audit: Audit) -> dict[str, Any]:
    """What ``manifest.json`` holds of an audit; ``files`` is filled in once the files are written."""
    files = prediction_files(audit)
    roles = ["reference", *("candidate" for _ in audit)]
    return {
        "schema_version": SCHEMA_VERSION,
        "trusteq": trusteq.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "versions": {name: version for name in _VERSIONS if (version := _version(name))} | packages(),
        "data": {
            "source": plain(audit.items.source),
            "content": audit.items.content(),
            "asked": replace(audit.items, labels=None, label_names=(), columns={}, clusters=None).content(),
            "arrays": [name for name, segment in audit.items.segments.items() if not segment.storable],
            "items": len(audit.items),
            "ids": _hash("\n".join(audit.items.ids)),
        },
        "models": [
            {"name": m.name, "role": role, **plain(m.identity), "predictions": files[m.name]}
            for m, role in zip(audit.models, roles, strict=True)
        ],
        "peer": None
        if audit.peer is None
        else {
            "name": audit.peer.name,
            "role": "peer",
            **plain(audit.peer.candidate.identity),
            "predictions": files[audit.peer.name],
        },
        "labels": list(audit.labels),
        "plan": None if audit.explanation is None else audit.explanation.content(),
        "policy": audit.policy.name,
        "settings": plain(audit.settings),
        "command": None if audit.command is None else [plain(word) for word in audit.command],
        "files": {},
    }


def prediction_files(audit: Audit) -> dict[str, str]:
    """The file of each model's predictions, by the model's name; the peer's is last."""
    return {model.name: f"predictions/{i:02d}-{_slug(model.name)}.parquet" for i, model in enumerate(audit.everybody)}


def _slug(name: str) -> str:
    """A model's name as part of a file name: no separators, no leading dot."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "model"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
