"""How much memory a model takes: it is opened again in a separate process, which answers some of the items."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.cost_machine import CPU
from trusteq.models.library_output import one_line
from trusteq.models.traits import traits_of

if TYPE_CHECKING:
    from trusteq.data.items import Items
    from trusteq.models.base import Model

CHILD = "trusteq.models.cost_child"

SECONDS = 900
"""How long a model may take to open and answer; after that it counts as stuck."""


def can_be_reopened(model: Model) -> bool:
    """Whether another process can open the model: it came from a file, a folder or the hub's cache."""
    return traits_of(model).opening() is not None


def peak_bytes(model: Model, items: Items, shape: int | None, *, seconds: float = SECONDS) -> int:
    """The largest growth of a process that opens the model and answers the items.

    Resident memory, including mapped files, beyond that of the same process once it has imported the libraries that run
    the model. ``shape`` is the number of items in a call if answers depend on the batch, else None.
    """
    traits = traits_of(model)
    opening = traits.opening()
    if opening is None:
        raise ModelError("it did not come from a file, so no other process can open it")
    if traits.device != CPU:
        raise ModelError(f"it runs on {traits.device}, and only main memory is measured")
    try:
        request = json.dumps({**asdict(opening), **_as_json(items), "shape": shape})
    except ValueError as error:
        raise ModelError(f"its items cannot be passed to another process: {one_line(error)}") from error
    try:
        # -P: a file in the working directory must not be imported in place of a module.
        completed = subprocess.run(  # noqa: S603
            [sys.executable, "-P", "-m", CHILD],
            input=request.encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"its process had not answered after {seconds:g} s") from None
    except OSError as error:
        raise ModelError(f"no process could be started: {one_line(error)}") from error
    if completed.returncode:
        raise ModelError(f"its process {_exit(completed.returncode)}{_last_line(completed.stderr)}")
    try:
        memory = json.loads(completed.stdout)
        if memory["before"] is None or memory["peak"] is None:
            raise ModelError("this system does not report a process's peak memory")
        return max(int(memory["peak"]) - int(memory["before"]), 0)
    except (ValueError, TypeError, KeyError):
        raise ModelError(f"its process gave an unexpected answer, {completed.stdout[:40]!r}") from None


def _as_json(items: Items) -> dict[str, Any]:
    from trusteq.models.cost_child import as_json  # which imports every way to run a model

    return {
        "items": len(items),
        "segments": {name: as_json(values) for name, values in items.segments.items()},
        "own_options": items.options,
    }


def _exit(code: int) -> str:
    return f"was killed by signal {-code}, perhaps because memory ran out" if code < 0 else f"failed with code {code}"


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return f": {one_line(ValueError(lines[-1]))}" if lines else ""
