"""A Parquet file of a run, read as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from trusteq.data import parquet
from trusteq.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def checked(path: Path, read: Callable[[Path], Any]) -> Any:
    """What ``read`` returns for a Parquet file, or a one-line error if the file is damaged."""
    try:
        return read(path)
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: names and texts that are not UTF-8
        reason = str(error).strip().split("\n")[0]
        raise RunError(f"{path}: damaged or truncated ({reason}); copy the run again or audit again") from None


def unpacked(path: Path, names: Sequence[str] | None = None) -> pa.Table:
    """The named columns, by default all, with the types in the file's own schema; texts are verified to be text."""
    with parquet.opened(path) as file:
        schema = _with_metadata(file.metadata.schema.to_arrow_schema(), file.schema_arrow)
        ambiguous = next((name for name in names or () if schema.names.count(name) != 1), None)
        if ambiguous is not None:
            raise RunError(
                f"{path}: damaged: {schema.names.count(ambiguous)} columns {ambiguous!r}; copy the run again or audit "
                "again"
            )
        schema = schema if names is None else pa.schema([schema.field(name) for name in names])
        batches = [batch.cast(schema) for batch in parquet.batches(file, schema.names, path)]
        table = pa.Table.from_batches(batches, schema)
    table.validate(full=True)
    return table


def _with_metadata(schema: pa.Schema, described: pa.Schema) -> pa.Schema:
    """The schema with the descriptions of columns that the file has besides their types."""
    if schema.names != described.names:
        return schema
    fields = zip(schema, described, strict=True)
    return pa.schema([field.with_metadata(other.metadata) for field, other in fields])
