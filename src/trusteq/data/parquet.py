"""Reader of Parquet: only the requested columns are decoded, one batch at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trusteq.data import arrow
from trusteq.data.lines import MAX_RATIO, MAX_UNPACKED_BYTES
from trusteq.data.memory import release_memory
from trusteq.data.table import Table, selected
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BATCH_ROWS, BATCH_VALUES = 131_072, 1_048_576
"""Maximum per batch. Each batch copies all texts of its row group so far: few batches, few copies."""
BUFFER_BYTES = 2**20


def read(path: Path, columns: Sequence[str] | None, limit: int | None) -> Table:
    """The requested columns; with label names if the file has Hugging Face metadata with them."""
    try:
        with opened(path) as file:
            schema = file.schema_arrow
            names = selected(schema.names, columns, str(path))
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
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: in column names
        reason = str(error).strip().split("\n")[0]
        raise DataError(
            f"{path}: not a Parquet file, or a truncated or damaged one ({reason}); write or copy it again"
        ) from None
    finally:
        release_memory()


def opened(path: Path) -> pq.ParquetFile:
    """The file, opened for reading piece by piece."""
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
    # Repeated texts are read as a dictionary, and counted before they are unpacked: a small file can repeat a text a
    # billion times.
    texts = [field.name for field in schema if _is_text(field.type)]
    # With a buffer, a column is read piece by piece; without one, a whole row group at once.
    return pq.ParquetFile(path, buffer_size=BUFFER_BYTES, read_dictionary=texts)


def batches(
    file: pq.ParquetFile, names: Sequence[str], path: Path, *, limit: int | None = None
) -> Iterator[pa.RecordBatch]:
    """The named columns of an `opened` file, in batches of rows; an error if they are much larger than the file.

    Texts are dictionary-encoded.
    """
    max_bytes = max(MAX_UNPACKED_BYTES, MAX_RATIO * path.stat().st_size)
    error = DataError(
        f"{path}: unpacks to more than {max_bytes:,} bytes, {MAX_RATIO} times its size; if this is intended, write it "
        "uncompressed, or as CSV"
    )
    # Checked before anything is unpacked: rows and lists may be one number repeated a billion times.
    if limit is None and _declared_bytes(file, names, max_bytes) > max_bytes:
        raise error
    unpacked = 0
    rows = max(1, min(BATCH_ROWS, BATCH_VALUES // max(1, len(names))))
    size = rows if limit is None else min(rows, limit)
    for batch in file.iter_batches(size, columns=list(names), use_threads=False):
        unpacked += sum(_unpacked_bytes(column) for column in batch.columns)
        if unpacked > max_bytes:
            raise error
        yield batch


def _declared_bytes(file: pq.ParquetFile, names: Sequence[str], max_bytes: int) -> int:
    """Unpacked size of these columns by the file's metadata; of all columns if that is at most ``max_bytes``."""
    metadata, schema = file.metadata, file.schema_arrow
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    total = sum(group.total_byte_size + 4 * group.num_rows * len(names) for group in groups)
    # The groups first: reading damaged metadata of a column crashes the process (pyarrow 26.0).
    if 0 <= total <= max_bytes and not any(pa.types.is_nested(field.type) for field in schema if field.name in names):
        return int(total)
    chunks = [group.column(j) for group in groups for j in range(group.num_columns)]
    requested = [
        c for c in chunks if any(c.path_in_schema == name or c.path_in_schema.startswith(f"{name}.") for name in names)
    ]
    return sum(max(chunk.total_uncompressed_size, 4 * chunk.num_values) for chunk in requested)


def _unpacked_bytes(values: pa.Array) -> int:
    if pa.types.is_string_view(values.type) or pa.types.is_binary_view(values.type):
        # 16 bytes per value, its length first; many values may point to the same text.
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
    """Label names by column, as the `datasets` library stores them in the file's metadata."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: tuple(feature["names"])
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}  # metadata of another program; labels are then the values of the column
