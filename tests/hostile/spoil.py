"""Files spoilt at random: in their bytes, in their blocks, and in the values of their structure."""

from __future__ import annotations

import gzip
import io
import json
import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

MOST_BYTES = 2**20
"""A spoilt file is no longer than this: what size alone does is tested elsewhere."""

QUICK_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
QUICK_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

GAP = "@gap@"
"""Stands for a value until the text is written; then a token takes its place, valid or not."""

JSON_TOKENS = (
    *"null true false 0 -1 0.5 1e308 1e999 -1e999 NaN -Infinity [] {} [[]] [null] 18446744073709551616".split(),  # noqa: SIM905  # noqa: SIM905
    *("9" * 400, "9" * 5000, "[" * 900 + "]" * 900, "[" * 5000, '{"a":' * 400 + "1" + "}" * 400),
    *('""', '" "', '"\\ud800"', '"\\udfff x"', '"\\u0000"', '"a\\nb\\r\\u2028c"', '"\\u001b[31m"', '"\\u202e"'),
    *(f'"{"x" * 5000}"', '"../../etc/passwd"', '"nan"', '"1"', '"id"', '{"a": 1, "a": 2}', '["a", 1, null]'),
)
YAML_TOKENS = (
    *"~ true 0 -1 .nan .inf -.inf 1e999 [] {} [~] '' ' ' ! !!bool !!int !!float !!timestamp <<".split(),  # noqa: SIM905
    *("9" * 5000, f"0x{'f' * 5000}", f"0b{'1' * 20000}", ":".join(["1"] * 200), ":".join(["1"] * 200) + ".5"),
    *("!!int ''", "!!int x", "!!float ''", "!!float x", "!!bool maybe", "!!timestamp x", "!!binary x", "!!str [a]"),
    *("!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "!!python/object:os.system x", "!!seq {a: 1}", "!!map [a]"),
    *("&a [*a]", "&a {b: *a}", "*absent", "2001-99-99", "0001-01-01 00:00:00 +23:59", "2001-01-01 00:00:00 +99:99"),
    *("{? [a] : 1}", "{? {a: 1} : 1}", "{? &b [*b] : 1}", "{1: 1, 1.0: 1}", "{<<: {a: 1}}", "{=: 1}", "{~: 1}"),
    *("[" * 900 + "]" * 900, "[" * 20000, "- " * 2000, '"\\ud800"', '"\\0"', '"a\\nb"', "x" * 5000, "|\n  a\n b"),
    *("[&c [a, a, a], &d [*c, *c, *c], &e [*d, *d, *d], &f [*e, *e, *e]]", "{a: &g !!pairs [a: 1], b: *g}"),
)
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


def in_json(rng: Random, content: bytes) -> bytes:
    """A JSON document with one value, key or entry changed."""
    return _dumped(rng, json.loads(content), lambda value: json.dumps(value, ensure_ascii=False), JSON_TOKENS)


def in_json_lines(rng: Random, content: bytes) -> bytes:
    """JSON lines, one of them changed, dropped or repeated."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines) - 1)
    lines[at] = rng.choice((in_json(rng, lines[at]), in_json(rng, lines[at]), b"", lines[at] + lines[at]))
    return b"\n".join(lines)


def in_yaml(rng: Random, content: bytes) -> bytes:
    """A YAML document with one value, key or entry changed."""
    return _dumped(rng, yaml.load(content, QUICK_LOADER), _yaml, YAML_TOKENS)  # noqa: S506


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


def in_columns(rng: Random, content: bytes) -> bytes:
    """Parquet with one column of other values, another name, or its notes spoilt."""
    table = pq.read_table(io.BytesIO(content))
    at, n = rng.randrange(table.num_columns), table.num_rows
    name, how = table.column_names[at], rng.randrange(6)
    if how <= 2:
        table = table.set_column(at, name, rng.choice(odd_columns(n)))
    elif how == 3:
        names = list(table.column_names)
        names[at] = rng.choice(("", "id", "a.b", "{0.x}", "x" * 2000, "a\nb\x1b", *names))
        table = table.rename_columns(names)
    elif how == 4:
        table = rng.choice(
            (table.slice(0, 0), table.slice(0, n // 2), table.drop([name]), pa.concat_tables([table] * 3))
        )
    else:
        notes = {key: in_json(rng, value) for key, value in (table.schema.metadata or {}).items()}
        features = {"info": {"features": {name: {"_type": "ClassLabel", "names": ["a", 1, None, [1]]}}}}
        table = table.replace_schema_metadata({**notes, "huggingface": in_json(rng, json.dumps(features).encode())})
    out = io.BytesIO()
    pq.write_table(table, out, compression=rng.choice(("zstd", "none")), store_schema=bool(rng.randrange(4)))
    return out.getvalue()


def odd_columns(n: int) -> list[pa.Array]:
    """Columns of n rows, each of a type or with values that a reader may not think of."""
    late = [2**62, -(2**62), 0]

    def cycled(values: Sequence[Any], kind: pa.DataType | None = None) -> pa.Array:
        return pa.array([values[i % len(values)] for i in range(n)], kind)

    return [
        pa.nulls(n),
        cycled([None, "a"]),
        cycled(["a", "a\nb", "\x1b[31m", "x" * 2000, ""]),
        cycled([b"\xff", b"a"]),
        cycled([b"\xff\xfe", b"a"], pa.binary()).view(pa.string()),
        cycled([b"\xff\xfe", b"a"], pa.large_binary()).view(pa.large_string()),
        cycled(["a", "b"]).dictionary_encode(),
        cycled(["a", "longer than twelve"], pa.string_view()),
        cycled([2**63, 2**64 - 1, 0], pa.uint64()),
        cycled([np.nan, np.inf, -np.inf, -0.0, 1e308, None]),
        cycled([np.nan, np.inf, 5e-324, 1e308]),
        cycled([np.float16(1)], pa.float16()),
        cycled([True, False]),
        *(cycled(late, pa.timestamp(unit, tz)) for unit in ("ms", "us", "ns") for tz in (None, "UTC")),
        cycled([0], pa.timestamp("us", "No/Where")),
        cycled([2**31 - 1, -(2**31)], pa.date32()),
        cycled([86_400_000 * 10**7, 0], pa.date64()),
        cycled(late, pa.duration("us")),
        cycled([86_399_999_999, 0], pa.time64("us")),
        cycled([datetime(1, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC")),
        cycled([10**37, -1], pa.decimal128(38, 0)),
        cycled([10**75, None], pa.decimal256(76, 0)),
        cycled([[1, 2], [3]]),
        cycled([[1.0, np.nan], [0.5, 0.5]]),
        cycled([[[1], [2]], [[3], []]]),
        cycled([["a"], None]),
        cycled([[]], pa.list_(pa.int64())),
        cycled([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
        cycled([{"a": 1}, {"a": None}]),
        cycled([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
        cycled([{"a": [2**62]}], pa.struct([("a", pa.list_(pa.timestamp("us")))])),
    ]


def _dumped(rng: Random, value: Any, dump: Callable[[Any], str], tokens: Sequence[str]) -> bytes:
    """The value with one place in it changed, as text."""
    places = list(_places(value))
    holder, key = rng.choice(places) if places else (None, None)
    how = rng.randrange(8)
    if holder is None:
        value = GAP
    elif how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, list):
        holder *= rng.choice((2, 20))
    elif how == 1:
        holder[rng.choice((GAP, "", "id", "x" * 700, "{0.x}", "a\nb", "\x1b[0m"))] = holder.pop(key)
    elif how == 2:
        other, at = rng.choice(places)
        holder[key] = json.loads(json.dumps(other[at], default=str))
    elif how == 3 and isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
        holder[key] = rng.choice((-holder[key], holder[key] + 1, holder[key] * 1e6, str(holder[key]), 1 - holder[key]))
    else:
        holder[key] = GAP
    text = dump(value)
    for mark in (f'"{GAP}"', f"'{GAP}'", GAP):
        text = text.replace(mark, rng.choice(tokens))
    return text.encode("utf-8", "surrogatepass")


def _yaml(value: Any) -> str:
    return str(yaml.dump(value, Dumper=QUICK_DUMPER, sort_keys=False))


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every dict or list within the value with each of its keys or positions."""
    found, left, seen = [], [value], set()
    while left:
        holder = left.pop()
        if id(holder) in seen:  # YAML may hold itself
            continue
        seen.add(id(holder))
        entries = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        for key, entry in entries:
            found.append((holder, key))
            left.append(entry)
    return found


def _packed(change: Callable[[Random, bytes], bytes]) -> Callable[[Random, bytes], bytes]:
    return lambda rng, content: gzip.compress(change(rng, gzip.decompress(content)), 1, mtime=0)


_BY_ENDING: dict[str, Callable[[Random, bytes], bytes]] = {
    ".csv.gz": _packed(in_cells),
    ".jsonl.gz": _packed(in_json_lines),
    ".csv": in_cells,
    ".tsv": in_cells,
    ".jsonl": in_json_lines,
    ".json": in_json,
    ".yaml": in_yaml,
    ".parquet": in_columns,
    ".safetensors": in_header,
}
