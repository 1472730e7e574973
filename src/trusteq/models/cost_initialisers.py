"""The weights of an ONNX graph, counted in its file without the `onnx` package, which is not needed to run it.

A model's field 7 is the graph; a graph's fields 1 are nodes, 5 initialisers (15 sparse ones); a tensor's fields 1 are
its shape, 2 its type, 8 its name; a node's field 4 is its operator, its fields 5 are attributes, whose field 5 is a
tensor (onnx.proto, IR version 10).
"""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.models.protobuf import fields, parts, varint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trusteq.models.protobuf import Buffer

GRAPH = 7
NODE, INITIALISER, SPARSE = 1, 5, 15
OPERATOR, ATTRIBUTE, ATTRIBUTE_TENSOR = 4, 5, 5
SHAPE, TYPE, NAME = 1, 2, 8

BITS = {
    **dict.fromkeys((11, 7, 13, 14), 64),  # double, int64, uint64, complex64
    **dict.fromkeys((1, 6, 12), 32),  # float, int32, uint32
    **dict.fromkeys((10, 16, 4, 5), 16),  # float16, bfloat16, uint16, int16
    **dict.fromkeys((2, 3, 9, 17, 18, 19, 20, 24), 8),  # uint8, int8, bool, float8
    **dict.fromkeys((21, 22, 23), 4),  # uint4, int4, float4
    **dict.fromkeys((25, 26), 2),  # uint2, int2
    15: 128,  # complex128
}
"""Bits of an element, by TensorProto.DataType."""

STRINGS = 8

NO_WEIGHTS = frozenset({6, 7, 9, 12, 13})
"""Types used for shapes and positions, not for weights."""

ROUNDING = (b"_scale", b"_zero_point")
"""Suffixes that onnxruntime.quantization gives to the numbers that belong to a rounded weight, one a column."""

PACKED = frozenset({b"MatMulNBits", b"MatMulBnb4", b"GatherBlockQuantized", b"QMoE"})
"""Operators of ONNX Runtime that pack several weights into a byte, so that bytes do not show how many there are."""


@dataclass(frozen=True)
class Initialisers:
    """How many weights a graph holds, and their bytes; None where the file does not show it."""

    parameters: int | None
    bytes: int | None


def initialisers(file: Path) -> Initialisers:
    """The weights of a graph, wherever it keeps their values."""
    try:
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _count(data)
    except (OSError, ValueError, IndexError):
        return Initialisers(None, None)


def _count(data: Buffer) -> Initialisers:
    parameters, size, countable = 0, 0, True
    for shape, kind, name in _tensors(data):
        if kind == STRINGS:  # names of labels and categories, whose length is not in their shape
            continue
        if kind not in BITS:
            return Initialisers(None, None)
        elements = math.prod(shape)
        size += -(-elements * BITS[kind] // 8)
        # A single number is a scale, a zero point or an exponent.
        if elements > 1 and kind not in NO_WEIGHTS and not name.endswith(ROUNDING):
            parameters += elements
    for graph in parts(data, (0, len(data)), GRAPH):
        operators = {data[slice(*name)] for node in parts(data, graph, NODE) for name in parts(data, node, OPERATOR)}
        countable = countable and not operators & PACKED
    # Some graphs, e.g. of decision trees, store what they have learnt elsewhere.
    return Initialisers(parameters if parameters and countable else None, size if parameters else None)


def _tensors(data: Buffer) -> Iterator[tuple[list[int], int, bytes]]:
    """Shape, type and name of every tensor in the graph: its initialisers, and the constants among its nodes."""
    for graph in parts(data, (0, len(data)), GRAPH):
        for number, part in fields(data, graph):
            if number == SPARSE:
                raise ValueError("sparse initialisers are not counted")
            if number == INITIALISER and isinstance(part, tuple):
                yield _description(data, part)
            elif number == NODE and isinstance(part, tuple):
                for attribute in parts(data, part, ATTRIBUTE):
                    for tensor in parts(data, attribute, ATTRIBUTE_TENSOR):
                        yield _description(data, tensor)


def _description(data: Buffer, tensor: tuple[int, int]) -> tuple[list[int], int, bytes]:
    shape: list[int] = []
    kind, name = 0, b""
    for number, value in fields(data, tensor):
        if number == SHAPE and isinstance(value, int):
            shape.append(value)
        elif number == SHAPE and isinstance(value, tuple):  # packed
            at, end = value
            while at < end:
                length, at = varint(data, at)
                shape.append(length)
        elif number == TYPE and isinstance(value, int):
            kind = value
        elif number == NAME and isinstance(value, tuple):
            name = bytes(data[slice(*value)])
    return shape, kind, name
