"""Files spoilt at random: in their bytes, in their blocks, and in the values of their structure."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING

from hostile.spoil_graphs import in_graph
from hostile.spoil_settings import in_settings
from hostile.spoil_tables import in_columns
from hostile.spoil_tokenizers import in_tokenizer
from hostile.spoil_values import JSON_TOKENS, YAML_TOKENS, in_json, in_json_lines, in_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

MOST_BYTES = 2**20
"""A spoilt file is no longer than this: what size alone does is tested elsewhere."""

CELLS = (
    *(b'""', b'"', b'a"b', b'"a""b"', b'"a\nb"', b"\r", b"\r\n", b"\n", b"\0", b"\xff", b"\xed\xa0\x80"),
    *(b"\xef\xbb\xbf", b",", b";", b"\t", b"nan", b"inf", b"-1", b"1e999", b" ", b"", b"\xe2\x80\xa8"),
    *(b"\xff\xfe", b"9" * 5000, b"x" * 5000, b"1_0", b"\xd9\xa3", b"None", b"\x1b[31m"),
)  # fmt: skip


def spoilt(rng: Random, name: str, seed: bytes, others: Sequence[bytes] = ()) -> bytes:
    """The seed, a file called so, after one to three changes; ``others`` are what it may be spliced with."""
    content = seed
    for _ in range(rng.choice((1, 1, 2, 3))):
        changes: list[Callable[[], bytes]] = [lambda c=content: in_bytes(rng, c, others)]
        structured = in_structure(name)
        if structured is not None:
            changes += [lambda c=content, change=structured: change(rng, c)] * 2
        try:
            content = rng.choice(changes)()
        except Exception:  # its structure is spoilt already
            content = in_bytes(rng, content, others)
    return content[:MOST_BYTES]


def in_bytes(rng: Random, content: bytes, others: Sequence[bytes] = ()) -> bytes:
    """The content with some bytes changed, cut off, moved, repeated, or taken from another."""
    n, made = len(content), bytearray(content)
    # What tells the structure of binary files stands at their ends.
    a = rng.choice((rng.randrange(n + 1), min(n, rng.randrange(64)), max(0, n - 1 - rng.randrange(400))))
    b = min(n, a + rng.choice((1, 4, 30, 300, n)))
    how = rng.randrange(8)
    if how == 0:
        return content[:a]
    if how == 1:
        return content[:a] + content[b:]
    if how == 2:
        return content[:b] + content[a:]
    if how == 3:
        other = rng.choice([content, *others])
        return content[:a] + other[rng.randrange(len(other) + 1) :]
    if how == 4:
        c = min(n, b + (b - a))
        return content[:a] + content[b:c] + content[a:b] + content[c:]
    if how == 5:
        token = rng.choice(CELLS) if rng.randrange(3) else rng.choice((*JSON_TOKENS, *YAML_TOKENS)).encode()
        return content[:a] + token + content[rng.choice((a, b)) :]
    for _ in range(rng.choice((1, 1, 2, 8))):
        if n:
            at = rng.choice((a - 1 if a else 0, rng.randrange(n)))
            made[at] = rng.choice((made[at] ^ (1 << rng.randrange(8)), 0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(made)


def in_structure(name: str) -> Callable[[Random, bytes], bytes] | None:
    """What changes the values of a file called so; None where that is not known."""
    for ending, change in _BY_ENDING.items():
        if name.endswith(ending):
            return change
    return None


def in_cells(rng: Random, content: bytes) -> bytes:
    """Delimited text with one cell changed."""
    sign = b"\t" if b"\t" in content.partition(b"\n")[0] else b","
    lines = content.split(b"\n")
    at = rng.choice((0, rng.randrange(len(lines))))
    cells = lines[at].split(sign)
    cells[rng.randrange(len(cells))] = rng.choice((*CELLS, rng.choice(cells)))
    lines[at] = sign.join(cells)
    return b"\n".join(lines)


def in_header(rng: Random, content: bytes) -> bytes:
    """Safetensors whose header has one value changed, its length told again."""
    (size,) = struct.unpack("<Q", content[:8])
    header = in_json(rng, content[8 : 8 + size])
    told = rng.choice((len(header), len(header), len(header), 0, 2**40, 2**64 - 1, len(header) - 1))
    return struct.pack("<Q", told) + header + content[8 + size :]


def _packed(change: Callable[[Random, bytes], bytes]) -> Callable[[Random, bytes], bytes]:
    return lambda rng, content: gzip.compress(change(rng, gzip.decompress(content)), 1, mtime=0)


_BY_ENDING: dict[str, Callable[[Random, bytes], bytes]] = {
    ".csv.gz": _packed(in_cells),
    ".jsonl.gz": _packed(in_json_lines),
    ".csv": in_cells,
    ".tsv": in_cells,
    ".jsonl": in_json_lines,
    "tokenizer.json": in_tokenizer,
    "config.json": in_settings,
    "special_tokens_map.json": in_settings,
    ".json": in_json,
    ".onnx": in_graph,
    ".yaml": in_yaml,
    ".parquet": in_columns,
    ".safetensors": in_header,
}
