"""Parquet with one column of other values, another name, or its notes spoilt."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hostile.spoil_values import in_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random


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
