"""How much memory one model takes, found in a process of its own: ``python -m trusteq.models.cost_child``.

It reads on stdin, as JSON, which model to open and the items; imports what runs the model; then opens it and lets it
answer. It writes on stdout, as JSON, its resident memory before and the most it was afterwards, in bytes.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from trusteq.data.items import Items
from trusteq.data.segment import stored_segment
from trusteq.errors import TrusteqError
from trusteq.models.open import open_model, prepare
from trusteq.models.probe import predict_all, predict_in_shape

if TYPE_CHECKING:
    from trusteq.data.segment import Segment


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


def as_json(segment: Segment) -> dict[str, Any]:
    """A segment as JSON: its column, as Arrow writes it, and what must be said of it; never a pickle."""
    if not segment.storable:
        raise ValueError(f"a segment that no file can hold ({segment.kind})")
    table = pa.table({"values": segment.column()})
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return {"about": segment.about(), "column": base64.b64encode(stream.getvalue()).decode("ascii")}


def from_json(content: dict[str, Any]) -> Segment:
    """The segment that `as_json` wrote."""
    table = pa.ipc.open_stream(base64.b64decode(content["column"])).read_all()
    return stored_segment(table["values"], content["about"])


if __name__ == "__main__":
    sys.exit(main())
