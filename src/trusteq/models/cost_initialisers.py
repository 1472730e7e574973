"""The weights of an ONNX graph, counted in its file: `onnx`, which could read it, is not needed to run it.

A .onnx file is a protocol buffer: fields of a number and a value, nested. The model's field 7 is the graph; the graph's
fields 1 are nodes, 5 initialisers (15 sparse ones); a tensor's fields 1 are its shape, 2 its type, 8 its name; a node's
field 4 is its operator, its fields 5 are attributes, whose field 5 is a tensor (onnx.proto, IR version 10).
"""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Buffer = bytes | mmap.mmap

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

NO_WEIGHTS = frozenset({6, 7, 8, 9, 12, 13})
"""Types of shapes, positions and words."""

ROUNDING = (b"_scale", b"_zero_point")
"""How the names end that onnxruntime.quantization gives to what belongs to a rounded weight, a number a column."""

PACKED = frozenset({b"MatMulNBits", b"MatMulBnb4", b"GatherBlockQuantized", b"QMoE"})
"""Operators of ONNX Runtime that hold several weights in a byte, so that bytes do not tell how many."""


@dataclass(frozen=True)
class Initialisers:
    """How many weights a graph holds, and their bytes; None where the file does not tell."""

    parameters: int | None
    bytes: int | None


def initialisers(file: Path) -> Initialisers:
    """The weights of a graph, wherever it keeps their values."""
    try:
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _counted(data)
    except (OSError, ValueError, IndexError):
        return Initialisers(None, None)


def _counted(data: Buffer) -> Initialisers:
    parameters, size, countable = 0, 0, True
    for shape, kind, name in _tensors(data):
        if kind not in BITS:
            return Initialisers(None, None)
        elements = math.prod(shape)
        size += -(-elements * BITS[kind] // 8)
        # A single number is a scale, a zero point or an exponent.
        if elements > 1 and kind not in NO_WEIGHTS and not name.endswith(ROUNDING):
            parameters += elements
    for graph in _parts(data, (0, len(data)), GRAPH):
        operators = {data[slice(*name)] for node in _parts(data, graph, NODE) for name in _parts(data, node, OPERATOR)}
        countable = countable and not operators & PACKED
    # A graph of trees, say, keeps what it learnt elsewhere.
    return Initialisers(parameters if parameters and countable else None, size if parameters else None)


def _tensors(data: Buffer) -> Iterator[tuple[list[int], int, bytes]]:
    """Shape, type and name of every tensor in the graph: its initialisers, and the constants among its nodes."""
    for graph in _parts(data, (0, len(data)), GRAPH):
        for number, part in _fields(data, graph):
            if number == SPARSE:
                raise ValueError("sparse initialisers are not counted")
            if number == INITIALISER and isinstance(part, tuple):
                yield _described(data, part)
            elif number == NODE and isinstance(part, tuple):
                for attribute in _parts(data, part, ATTRIBUTE):
                    for tensor in _parts(data, attribute, ATTRIBUTE_TENSOR):
                        yield _described(data, tensor)


def _described(data: Buffer, tensor: tuple[int, int]) -> tuple[list[int], int, bytes]:
    shape: list[int] = []
    kind, name = 0, b""
    for number, value in _fields(data, tensor):
        if number == SHAPE and isinstance(value, int):
            shape.append(value)
        elif number == SHAPE and isinstance(value, tuple):  # packed
            at, end = value
            while at < end:
                length, at = _varint(data, at)
                shape.append(length)
        elif number == TYPE and isinstance(value, int):
            kind = value
        elif number == NAME and isinstance(value, tuple):
            name = bytes(data[slice(*value)])
    return shape, kind, name


def _parts(data: Buffer, within: tuple[int, int], wanted: int) -> Iterator[tuple[int, int]]:
    """The places of a message's fields of this number."""
    for number, value in _fields(data, within):
        if number == wanted and isinstance(value, tuple):
            yield value


def _fields(data: Buffer, within: tuple[int, int]) -> Iterator[tuple[int, int | tuple[int, int] | None]]:
    """Number and value of each field of the message at this place; of a long one its place, of a fixed one nothing."""
    at, end = within
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
        elif wire == 2:
            length, at = _varint(data, at)
            if at + length > end:
                raise ValueError("a field is longer than what holds it")
            yield number, (at, at + length)
            at += length
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
            yield number, None
        else:
            raise ValueError(f"wire type {wire}")


def _varint(data: Buffer, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
