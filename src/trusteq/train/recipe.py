"""The recipe by which a model was made, in a file next to it."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from typing import TYPE_CHECKING, Any

import trusteq

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION = 1

_VERSIONS = ("torch", "transformers", "safetensors", "tokenizers", "numpy")


def key_of(inputs: Mapping[str, Any]) -> str:
    """SHA-256 of everything that a training run depends on: its inputs and the installed versions."""
    return hashlib.sha256(json.dumps({**inputs, "versions": versions()}, sort_keys=True).encode()).hexdigest()


def versions(*packages: str) -> dict[str, str]:
    """Versions of trusteq, of the packages that every method needs, and of these packages."""
    return versions_of(*_VERSIONS, *packages)


def versions_of(*packages: str) -> dict[str, str]:
    """Versions of trusteq and of these packages alone."""
    return {"trusteq": trusteq.__version__, **{name: metadata.version(name) for name in packages}}
