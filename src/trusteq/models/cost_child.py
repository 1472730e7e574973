"""How much memory a model takes, measured in a separate process: ``python -m trusteq.models.cost_child``.

It reads a request as JSON on stdin: which model to open, and the items. It imports the libraries that run the model,
opens the model and runs it on the items. It writes as JSON on stdout its resident memory before that and its peak
afterwards, in bytes.
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
    """Measure the model that the request on stdin names."""
    # Anything that libraries print must not end up in the result.
    result = os.dup(1)
    os.dup2(2, 1)
    request = json.loads(sys.stdin.buffer.read())
    segments = {name: from_json(values) for name, values in request["segments"].items()}
    own = request["own_options"]
    items = Items(
        ids=[str(i) for i in range(request["items"])],
        segments=segments,
        options=None if own is None else [tuple(texts) for texts in own],
    )
    prepare(request["kind"], request["architecture"])
    forget_peak()
    before = peak()
    try:
        model = open_model(request["location"], name=request["name"], options=request["options"])
        if request["shape"] is None:
            predict_all(model, items)
        else:
            predict_in_shape(model, items, request["shape"])
    except TrusteqError as error:
        print(error.as_written, file=sys.stderr)
        return 2
    with os.fdopen(result, "w") as stream:
        json.dump({"before": before, "peak": peak()}, stream)
    return 0


def peak() -> int | None:
    """The peak resident memory of this process, in bytes; None if the system does not report it."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text("utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # On other systems the same call includes the process that started this one.
    return None


def forget_peak() -> None:
    """Reset the peak to the memory that is resident now, if this is Linux and allows it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")


def as_json(segment: Segment) -> dict[str, Any]:
    """A segment as JSON: its column in Arrow's format and its description; never a pickle."""
    if not segment.storable:
        raise ValueError(f"a segment of kind {segment.kind} cannot be stored in a file")
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
