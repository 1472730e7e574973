"""ONNX graphs spoilt in the fields of their messages, in how these are written, and in where weights are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

NUMBERS = (0, 1, 2, 7, 127, 128, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
TEXTS = (b"", b"x", b"\xff\xfe", b"a\nb", b"\x1b[31m", b"\0", b"x" * 5000, b"{0.x}", b"logits", b"input_ids", b"w")

LOCATIONS = (
    *(
        b"w",
        b"other",
        b"sub/w",
        b"sub/../w",
        b"./w",
        b"w/",
        b"sub//w",
        b"W",
        b" w",
        b"w ",
        b"link",
        b"linked/w",
        b"pipe",
    ),
    *(b"", b".", b"..", b"/", b"sub", b"absent", b"../secret/w", b"sub/../../secret/w", b"@secret@/w", b"//@secret@/w"),
    *(b"/etc/hostname", b"/dev/zero", b"/proc/self/mem", b"~/w", b"file:w", b"..\\secret\\w", b"C:\\w", b"m.onnx"),
    *(b"w\0x", b"\xff", b"\xed\xa0\x80", b"w\nx", b"%77", b"w" * 5000, "ｗ".encode(), b"a/" * 500 + b"w"),
    *(b"*/_ORT_MEM_ADDR_/*", b"*/_ORT_LITTLE_ENDIAN_MEM_ADDR_/*", b"*/_ORT_NATIVE_ENDIAN_MEM_ADDR_/*"),
)
"""Where weights may be said to be; what reads them puts a folder of somebody else's for @secret@."""

KEYS = (
    *(b"location",) * 6,
    b"offset",
    b"length",
    b"checksum",
    b"basepath",
    b"Location",
    b" location",
    b"location\0",
    b"",
)
AMOUNTS = (b"0", b"8", b"-8", b"24", b"4096", b"1e3", b"0x8", b"", b"x", *(str(n).encode() for n in NUMBERS))
DEPTHS = (1, 2, 30, 99, 101, 500, 3000)


@dataclass
class Field:
    """A field of a message: its number, how it is written (wire), and a number, bytes, or the message that it holds.

    kind: what onnx calls the message.
    """

    number: int
    wire: int
    value: Any
    kind: str = ""


Message = list[Any]
"""Fields, and bytes between them that are written as they are."""


def in_graph(rng: Random, content: bytes) -> bytes:
    """An ONNX graph with one to three things changed in its messages."""
    import onnx

    whole = Field(0, 2, parsed(content, onnx.ModelProto.DESCRIPTOR), "ModelProto")
    for _ in range(rng.choice((1, 1, 2, 3))):
        messages = [whole, *(field for field in walked(whole.value) if field.kind)]
        rng.choice(CHANGES)(rng, rng.choice(messages), messages)
    return written(whole.value)


def parsed(content: bytes, described: Any) -> Message:
    """The fields of a message that onnx describes so, those within it too."""
    inner = {field.number: field.message_type for field in described.fields if field.message_type}
    made: Message = []
    at = 0
    while at < len(content):
        tag, at = _number(content, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _number(content, at)
            made.append(Field(number, wire, value))
            continue
        size = 8 if wire == 1 else 4
        if wire == 2:
            size, at = _number(content, at)
        value, at = content[at : at + size], at + size
        if wire == 2 and number in inner:
            made.append(Field(number, wire, parsed(value, inner[number]), inner[number].name))
        else:
            made.append(Field(number, wire, value))
    return made


def written(message: Message) -> bytes:
    """The message as bytes."""
    return b"".join(part if isinstance(part, bytes) else _field(part) for part in message)


def walked(message: Message) -> Iterator[Field]:
    """All fields of a message and of those within it."""
    left = [message]
    while left:
        for field in left.pop():
            if isinstance(field, Field):
                yield field
                if isinstance(field.value, list):
                    left.append(field.value)


def varint(value: int, width: int = 0) -> bytes:
    """A number of seven bits a byte, the lowest first; in at least ``width`` bytes."""
    made = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        if not value and len(made) + 1 >= width:
            return bytes([*made, byte])
        made.append(byte | 0x80)


def holding(number: int, content: bytes | Message) -> Field:
    """A field that holds bytes or a message."""
    return Field(number, 2, content)


def _field(field: Field) -> bytes:
    tag = varint(field.number << 3 | field.wire)
    if isinstance(field.value, int):
        return tag + varint(field.value)
    content = written(field.value) if isinstance(field.value, list) else field.value
    return tag + (varint(len(content)) if field.wire == 2 else b"") + content


def _number(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return value, at


# what is changed: of a message, with all others at hand


def drop(rng: Random, message: Field, _: list[Field]) -> None:
    """One field less."""
    if message.value:
        message.value.pop(rng.randrange(len(message.value)))


def repeat(rng: Random, message: Field, _: list[Field]) -> None:
    """One field several times."""
    if message.value:
        field = rng.choice(message.value)
        at = rng.randrange(len(message.value) + 1)
        message.value[at:at] = [field] * rng.choice((1, 1, 20))


def reorder(rng: Random, message: Field, _: list[Field]) -> None:
    """Its fields in another order."""
    rng.shuffle(message.value)


def transplant(rng: Random, message: Field, messages: list[Field]) -> None:
    """A field of another message in this one, under its number or another."""
    donors = [field for other in messages for field in other.value if isinstance(field, Field)]
    if donors:
        field = rng.choice(donors)
        number = field.number if rng.randrange(3) else rng.randrange(1, 27)
        # Copied, for a message that holds itself has no end.
        content = written(field.value) if isinstance(field.value, list) else field.value
        message.value.insert(rng.randrange(len(message.value) + 1), Field(number, field.wire, content))


def revalue(rng: Random, message: Field, _: list[Field]) -> None:
    """A number or text of it is another."""
    leaves = [f for f in message.value if isinstance(f, Field) and not isinstance(f.value, list)]
    if leaves:
        field = rng.choice(leaves)
        field.value = rng.choice(NUMBERS) if isinstance(field.value, int) else rng.choice((*TEXTS, *LOCATIONS))


def rewrite(rng: Random, message: Field, _: list[Field]) -> None:
    """A field is written in another way than usual, or not as its length, number or wire type says."""
    fields = [i for i, field in enumerate(message.value) if isinstance(field, Field)]
    if not fields:
        return
    at = rng.choice(fields)
    field = message.value[at]
    content = _field(Field(field.number, field.wire, field.value))
    if field.wire == 2:
        content = written(field.value) if isinstance(field.value, list) else field.value
    size, usual = len(content), varint(field.number << 3 | field.wire)
    lies = (size + 1, max(0, size - 1), 2 * size, 2**31, 2**32 + size, 2**63, 2**64 - 1, 2**69)
    beyond = varint((rng.choice((2**29, 2**32, 2**61)) + field.number) << 3 | field.wire)
    if field.wire != 2:
        message.value[at] = rng.choice(
            (
                varint(field.number << 3, rng.choice((3, 5, 6, 10))) + content[len(usual) :],
                beyond + content[len(usual) :],
                _field(Field(field.number, field.wire, rng.choice(NUMBERS))),
                usual + b"\xff" * rng.choice((3, 9, 10, 30)),
            )
        )
        return
    message.value[at] = rng.choice(
        (
            usual + varint(size, rng.choice((3, 5, 6, 10))) + content,
            varint(field.number << 3 | 2, rng.choice((3, 5, 6, 10))) + varint(size) + content,
            beyond + varint(size) + content,
            varint(field.number << 3 | rng.choice((0, 1, 3, 4, 5, 6, 7))) + varint(size) + content,
            varint(rng.randrange(1, 30) << 3 | 2) + varint(size) + content,
            varint(field.number << 3 | 3) + content + varint(field.number << 3 | 4),
            varint(2) + varint(size) + content,
            usual + varint(rng.choice(lies)) + content,
        )
    )


def keep_elsewhere(rng: Random, _: Field, messages: list[Field]) -> None:
    """A tensor's values are in a file, which is told of in an odd way."""
    tensors = [message for message in messages if message.kind == "TensorProto"]
    if not tensors:
        return
    tensor = rng.choice(tensors)
    fields = [f for f in tensor.value if not isinstance(f, Field) or f.number not in {9, 13, 14}]
    if rng.randrange(6) == 0:
        fields = tensor.value
    fields += [holding(13, entry(rng)) for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 40)))]
    fields += [Field(14, 0, rng.choice((1, 1, 1, 1, 0, 2, 2**32 + 1)))] if rng.randrange(8) else []
    if rng.randrange(2):
        rng.shuffle(fields)
    tensor.value[:] = fields


def entry(rng: Random) -> Message:
    """A key and a value of external data, in any order, either of them absent, repeated or odd."""
    key = rng.choice(KEYS)
    values = LOCATIONS if b"ocation" in key or rng.randrange(9) == 0 else AMOUNTS
    value = rng.choice((b"w", b"sub/w", b"other")) if values is LOCATIONS and rng.randrange(2) else rng.choice(values)
    parts: Message = [holding(1, key), holding(2, value)]
    how = rng.randrange(8)
    if how == 0:
        del parts[rng.randrange(2)]
    elif how == 1:
        parts.insert(rng.randrange(3), rng.choice((holding(1, rng.choice(KEYS)), holding(2, rng.choice(LOCATIONS)))))
    elif how == 2:
        parts.insert(
            rng.randrange(3), rng.choice((holding(9, b"x"), Field(9, 0, 1), Field(1, 0, 1), Field(2, 5, b"abcd")))
        )
    if rng.randrange(2):
        parts.reverse()
    return parts


def move_tensor(rng: Random, message: Field, messages: list[Field]) -> None:
    """A tensor is held where others than initialisers may be."""
    tensors = [other for other in messages if other.kind == "TensorProto"]
    tensor = holding(5, written(rng.choice(tensors).value)) if tensors else holding(5, entry(rng))
    value = tensor.value
    constant = [holding(1, b"value"), tensor, Field(20, 0, 4)]
    node = [holding(2, b"v"), holding(4, b"Constant"), holding(5, constant)]
    graph = [holding(1, node), holding(2, b"g")]
    message.value.append(
        rng.choice(
            (
                holding(5, value),  # an initialiser, or a node's attribute
                holding(10, value),  # a list of an attribute's
                holding(15, [holding(1, value), holding(2, value), Field(3, 0, 2)]),  # a sparse one
                holding(22, [holding(1, value), holding(2, value)]),
                holding(1, node),
                holding(6, graph),
                holding(7, graph),
                holding(11, graph),
                holding(20, [holding(1, graph), holding(2, graph)]),  # how to train it
                holding(25, [holding(1, b"F"), holding(7, node), holding(10, b"own")]),  # a function
                holding(25, [holding(1, b"F"), holding(11, constant)]),
            )
        )
    )


def nest(rng: Random, _: Field, messages: list[Field]) -> None:
    """The graph within a branch of another one, so many times."""
    graphs = [message for message in messages if message.kind == "GraphProto"]
    if graphs:
        graph = rng.choice(graphs)
        content = written(graph.value)
        for _ in range(rng.choice(DEPTHS)):
            branch = holding(5, [holding(1, b"then_branch"), holding(6, content), Field(20, 0, 5)])
            content = written([holding(1, [holding(1, b"c"), holding(2, b"y"), holding(4, b"If"), branch])])
        graph.value[:] = [content]


CHANGES: tuple[Callable[[Random, Field, list[Field]], None], ...] = (
    *(drop, repeat, reorder, transplant, revalue, rewrite, rewrite, move_tensor, nest),
    *(keep_elsewhere,) * 5,
)
