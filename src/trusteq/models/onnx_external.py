"""The files in which an ONNX graph keeps weights outside of itself, read from the graph.

Every field that may contain a tensor is followed (onnx.proto, IR version 13), with fields in any order, as ONNX Runtime
reads them; a graph that cannot be followed to its end is refused.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING

from trusteq.errors import ModelError
from trusteq.models.files import refuse_link_out
from trusteq.models.library_output import one_line
from trusteq.models.protobuf import fields, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.models.protobuf import Buffer, Place

CONTENTS = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""What each message contains, by field number, as far as it leads to a tensor's entries of external data."""

KEY, VALUE = 1, 2


def external_files(file: Path, *, name: str) -> dict[str, Path]:
    """The files in the graph's folder that hold its weights, by "weights/" and the name in the graph."""
    try:
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as graph:
            locations = sorted(set(_locations(graph)))
    except (OSError, ValueError, IndexError) as error:
        raise ModelError(f"model {name}: cannot load {file}: it is not an ONNX graph ({one_line(error)})") from error
    files = {}
    for location in locations:
        path = file.parent / location
        if Path(location).is_absolute() or Path(os.path.normpath(location)).parts[:1] == ("..",):
            raise ModelError(
                f"model {name}: {file} takes weights from {location!r}, outside its folder; copy that file into the "
                "folder"
            )
        if not _is_file(path):
            raise ModelError(f"model {name}: {file} takes weights from {location!r}, but there is no such file")
        refuse_link_out(path, file.parent)
        files[f"weights/{location}"] = path
    return files


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or contains a NUL
        return False


def _locations(graph: Buffer) -> Iterator[str]:
    remaining: list[tuple[str, Place]] = [("model", (0, len(graph)))]
    while remaining:
        kind, place = remaining.pop()
        if kind == "entry":
            if any(graph[slice(*key)] == b"location" for key in parts(graph, place, KEY)):
                # A missing value is an empty one.
                yield from [graph[slice(*value)].decode() for value in parts(graph, place, VALUE)] or [""]
        else:
            kinds = CONTENTS[kind]
            remaining += [
                (kinds[n], value) for n, value in fields(graph, place) if n in kinds and isinstance(value, tuple)
            ]
