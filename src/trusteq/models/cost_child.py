"""How much memory one model takes, found in a process of its own: ``python -m trusteq.models.cost_child``.

It reads on stdin, as JSON, which model to open and the items; imports what runs the model; then opens it and lets it
answer. It writes on stdout, as JSON, its resident memory before and the most it was afterwards, in bytes.
"""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from trusteq.data.items import Items
from trusteq.errors import TrusteqError
from trusteq.models.open import open_model, prepare
from trusteq.models.probe import predict_all, predict_in_shape


def main() -> int:
    """Answer the question on stdin."""
    # Whatever libraries print must not stand in the answer.
    answer = os.dup(1)
    os.dup2(2, 1)
    asked = json.loads(sys.stdin.buffer.read())
    segments = {name: from_json(values) for name, values in asked["segments"].items()}
    items = Items(ids=[str(i) for i in range(asked["items"])], segments=segments)
    prepare(asked["kind"], asked["architecture"])
    forget_peak()
    before = peak()
    try:
        model = open_model(asked["location"], name=asked["name"], options=asked["options"])
        if asked["shape"] is None:
            predict_all(model, items)
        else:
            predict_in_shape(model, items, asked["shape"])
    except TrusteqError as error:
        print(error, file=sys.stderr)
        return 2
    with os.fdopen(answer, "w") as stream:
        json.dump({"before": before, "peak": peak()}, stream)
    return 0


def peak() -> int | None:
    """The most resident memory this process has had, in bytes; None where the system does not tell."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text("utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Elsewhere the same call counts the process that started this one, too.
    return None


def forget_peak() -> None:
    """Let the peak begin from what is resident now, where Linux allows that."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")


def as_json(values: Any) -> Any:
    """A segment as JSON: a list of texts, or an array's bytes; never a pickle."""
    if not isinstance(values, np.ndarray):
        return list(values)
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return {"array": base64.b64encode(stream.getvalue()).decode("ascii")}


def from_json(content: Any) -> Any:
    """The segment that `as_json` wrote."""
    if isinstance(content, list):
        return content
    return np.load(io.BytesIO(base64.b64decode(content["array"])), allow_pickle=False)


if __name__ == "__main__":
    sys.exit(main())
