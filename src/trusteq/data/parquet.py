"""Reader of Parquet: only the asked-for columns are decoded, a batch at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trusteq.data import arrow
from trusteq.data.lines import LARGEST, MOST_PACKED
from trusteq.data.memory import give_back
from trusteq.data.table import Table, chosen
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BATCH_ROWS, BATCH_VALUES = 131_072, 1_048_576
"""Rows and values of a batch at most. Each batch copies all texts of its row group so far: few batches, few copies."""
BUFFER_BYTES = 2**20


def read(path: Path, columns: Sequence[str] | None, limit: int | None) -> Table:
    """The asked-for columns; label names where the Hugging Face metadata of the file states them."""
    try:
        with opened(path) as file:
            schema = file.schema_arrow
            names = chosen(schema.names, columns, str(path))
            if limit == 0:
                return Table(str(path), {name: [] for name in names}, 0)
            if not names:
                return Table(str(path), {}, file.metadata.num_rows)
            return arrow.table(
                batches(file, names, path, limit=limit),
                names,
                source=str(path),
                limit=limit,
                class_names=_class_names(schema),
            )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: names of columns
        reason = str(error).strip().split("\n")[0]
        raise DataError(
            f"{path}: not a Parquet file, or a truncated or damaged one ({reason}); write or copy it again"
        ) from None
    finally:
        give_back()


def opened(path: Path) -> pq.ParquetFile:
    """The file, to be read piece by piece."""
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
    # A value that is repeated is kept once until it is known how often: a small file can hold a text a billion times.
    repeated = [field.name for field in schema if _is_text(field.type)]
    # With a buffer a column is read piece by piece; without one, a whole row group of it at once.
    return pq.ParquetFile(path, buffer_size=BUFFER_BYTES, read_dictionary=repeated)


def batches(
    file: pq.ParquetFile, names: Sequence[str], path: Path, *, limit: int | None = None
) -> Iterator[pa.RecordBatch]:
    """The named columns of an `opened` file, some rows at a time; an error where they are much larger than the file.

    Texts come as indices into the different ones.
    """
    most = max(LARGEST, MOST_PACKED * path.stat().st_size)
    error = DataError(
        f"{path}: unpacks to more than {most:,} bytes, {MOST_PACKED} times its size; write it again unpacked, or as "
        "CSV, if that is meant"
    )
    # Before anything is unpacked: rows and lists may be one number said a billion times.
    if limit is None and _claimed_bytes(file, names, most) > most:
        raise error
    held = 0
    rows = max(1, min(BATCH_ROWS, BATCH_VALUES // max(1, len(names))))
    size = rows if limit is None else min(rows, limit)
    for batch in file.iter_batches(size, columns=list(names), use_threads=False):
        held += sum(_unpacked_bytes(column) for column in batch.columns)
        if held > most:
            raise error
        yield batch


def _claimed_bytes(file: pq.ParquetFile, names: Sequence[str], most: int) -> int:
    """How large the file says that these columns are unpacked, or all columns where that is at most ``most``."""
    told, schema = file.metadata, file.schema_arrow
    groups = [told.row_group(i) for i in range(told.num_row_groups)]
    whole = sum(group.total_byte_size + 4 * group.num_rows * len(names) for group in groups)
    # What a group says is asked first: over a column's damaged metadata pyarrow ends the process (26.0).
    if 0 <= whole <= most and not any(pa.types.is_nested(field.type) for field in schema if field.name in names):
        return int(whole)
    chunks = [group.column(j) for group in groups for j in range(group.num_columns)]
    wanted = [
        c for c in chunks if any(c.path_in_schema == name or c.path_in_schema.startswith(f"{name}.") for name in names)
    ]
    return sum(max(chunk.total_uncompressed_size, 4 * chunk.num_values) for chunk in wanted)


def _unpacked_bytes(values: pa.Array) -> int:
    if pa.types.is_string_view(values.type) or pa.types.is_binary_view(values.type):
        # 16 bytes a value, its length first; the same text may be pointed at many times.
        views = np.frombuffer(values.buffers()[1], np.int32)[4 * values.offset :: 4][: len(values)]
        return int(views.sum(dtype=np.int64)) + 16 * len(values)
    if not pa.types.is_dictionary(values.type):
        return int(values.nbytes)
    if not _is_text(values.type.value_type):
        return 8 * len(values)
    lengths = pc.binary_length(values.dictionary)
    return int(pc.sum(pc.take(lengths, values.indices)).as_py() or 0) + 4 * len(values)


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_large_binary(kind)
    )


def _class_names(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """Label names by column, which the `datasets` library leaves in the file's metadata."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: tuple(feature["names"])
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}  # a note by another program; without it, labels are what the column holds
