"""Protocol buffers, read without their schema: nested fields, each with a number and a value (protobuf.dev, encoding).

A message's place is where it begins and ends in the file; nothing is copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    Buffer = bytes | mmap.mmap
    Place = tuple[int, int]


def parts(data: Buffer, message: Place, field: int) -> Iterator[Place]:
    """The places of a message's fields of this number."""
    for number, value in fields(data, message):
        if number == field and isinstance(value, tuple):
            yield value


def fields(data: Buffer, message: Place) -> Iterator[tuple[int, int | Place | None]]:
    """Number and value of each field of a message; the value is an integer, a place, or None for a fixed-size field."""
    at, end = message
    while at < end:
        tag, at = varint(data, at)
        if not 8 <= tag < 2**32:  # another reader would truncate it to 32 bits, and see another number
            raise ValueError(f"field {tag >> 3}")
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = varint(data, at)
            yield number, value
        elif wire == 2:
            length, at = varint(data, at)
            if at + length > end:
                raise ValueError("a field extends beyond its message")
            yield number, (at, at + length)
            at += length
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
            yield number, None
        else:
            raise ValueError(f"wire type {wire}")


def varint(data: Buffer, at: int) -> tuple[int, int]:
    """A number stored with seven bits a byte, lowest first, and the position after it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
