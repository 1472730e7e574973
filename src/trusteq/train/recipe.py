"""How a model was made, in a file beside it."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from typing import TYPE_CHECKING, Any

import trusteq

if TYPE_CHECKING:
    from collections.abc import Mapping

RECIPE = "trusteq-recipe.json"
"""Beside the model; the loader neither reads it nor counts it in the model's content hash."""

SCHEMA_VERSION = 1

_VERSIONS = ("torch", "transformers", "safetensors", "tokenizers", "numpy")


def key_of(asked: Mapping[str, Any]) -> str:
    """SHA-256 of everything that a training run depends on."""
    return hashlib.sha256(json.dumps({**asked, "versions": versions()}, sort_keys=True).encode()).hexdigest()


def versions(*packages: str) -> dict[str, str]:
    """Of trusteq, of what every method needs, and of these packages."""
    return {"trusteq": trusteq.__version__, **{name: metadata.version(name) for name in (*_VERSIONS, *packages)}}
