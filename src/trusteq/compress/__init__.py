"""Candidates made from a classifier or a language model: quantized, pruned, with fewer layers, distilled.

    import trusteq.compress

    candidate = trusteq.compress.make("models/large", method="int8-onnx", out="models/large-int8")
    print(candidate.before.disk_bytes, candidate.after.disk_bytes)

Each method is one function in one small file on top of a maintained library, and one line in `methods.METHODS`. It
makes a folder that `trusteq.open_model` reads, with a ``trusteq-recipe.json`` that says how it was made.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trusteq.compress.candidate import Candidate, make
    from trusteq.compress.healed_module import HealedModule, heal_module
    from trusteq.compress.methods import METHODS

__all__ = ["METHODS", "Candidate", "HealedModule", "heal_module", "make"]

_HOMES = {
    "METHODS": "methods",
    "Candidate": "candidate",
    "HealedModule": "healed_module",
    "heal_module": "healed_module",
    "make": "candidate",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
