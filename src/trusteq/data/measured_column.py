"""A column of pictures or sounds: each one's file, or only its hash if that is withheld, and its measures."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FILE, HASH = pa.field("bytes", pa.large_binary()), pa.field("sha256", pa.string())


def measured_column(
    field: pa.Field, values: Iterable[Any], names: Sequence[str], measures: Sequence[Mapping[str, float]]
) -> pa.Array:
    """Structures of a value and its measures of these names, which nobody then has to decode the file for."""
    numbers = [pa.array([float(one[name]) for one in measures], pa.float64()) for name in names]
    return pa.StructArray.from_arrays([pa.array(values, field.type), *numbers], [field.name, *names])


def measured_values(
    column: pa.ChunkedArray, field: pa.Field, names: Sequence[str]
) -> Iterator[tuple[Any, dict[str, float]]]:
    """Each value with its measures of these names; a ValueError if the column contains anything else."""
    expected = pa.struct([field, *(pa.field(name, pa.float64()) for name in names)])
    what = "files" if field == FILE else "hashes"
    if column.null_count or column.type != expected:
        raise ValueError(f"not a column of {what} with measures: {'gaps' if column.null_count else column.type}")
    for number, row in enumerate(column, 1):
        stored = row.as_py()
        value, measures = stored[field.name], {name: stored[name] for name in names}
        if value is None or not all(one is not None and isfinite(one) for one in measures.values()):
            raise ValueError(f"not a column of {what} with measures: row {number:,} lacks one")
        yield value, measures
