"""How much memory a model takes: opened once more in a process of its own, which answers some of the items."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.cost_child import as_json
from trusteq.models.cost_machine import CPU
from trusteq.models.library_output import one_line
from trusteq.models.traits import traits_of

if TYPE_CHECKING:
    from trusteq.data.items import Items
    from trusteq.models.base import Model

CHILD = "trusteq.models.cost_child"

SECONDS = 900
"""How long a model may take to be opened and to answer; after that something is stuck."""


def can_be_opened_again(model: Model) -> bool:
    """Whether a process of its own can open the model: it came from a file, a folder or the hub's cache."""
    return traits_of(model).opening() is not None


def peak_bytes(model: Model, items: Items, shape: int | None, *, seconds: float = SECONDS) -> int:
    """The most by which a process grows that opens the model and answers the items.

    Resident memory, files mapped into it included, beyond that of the same process once it has imported what runs the
    model. ``shape`` is the number of items in a call where answers depend on their batch. An error where it fails.
    """
    traits = traits_of(model)
    opening = traits.opening()
    if opening is None:
        raise ModelError("it came from no file, so no other process can open it")
    if traits.device != CPU:
        raise ModelError(f"it runs on {traits.device}, and only memory of the processor is measured")
    try:
        question = json.dumps({**asdict(opening), **_asked(items), "shape": shape})
    except ValueError as error:
        raise ModelError(f"its items cannot be handed to another process: {one_line(error)}") from error
    try:
        # -P: a file in the working directory must not stand in for a module.
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", "-m", CHILD],
            input=question.encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"its process had not answered after {seconds:g} s") from None
    except OSError as error:
        raise ModelError(f"no process could be started: {one_line(error)}") from error
    if done.returncode:
        raise ModelError(f"its process {_ended(done.returncode)}{_last_line(done.stderr)}")
    try:
        found = json.loads(done.stdout)
        if found["before"] is None or found["peak"] is None:
            raise ModelError("this system does not tell a process's peak memory")
        return max(int(found["peak"]) - int(found["before"]), 0)
    except (ValueError, TypeError, KeyError):
        raise ModelError(f"its process answered {done.stdout[:40]!r}") from None


def _asked(items: Items) -> dict[str, Any]:
    return {"items": len(items), "segments": {name: as_json(values) for name, values in items.segments.items()}}


def _ended(code: int) -> str:
    return f"was ended by signal {-code}, perhaps for want of memory" if code < 0 else f"failed with code {code}"


def _last_line(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return f": {one_line(ValueError(lines[-1]))}" if lines else ""
