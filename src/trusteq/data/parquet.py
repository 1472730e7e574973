"""Reader of Parquet: only the asked-for columns are decoded, a batch at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from trusteq.data import arrow
from trusteq.data.table import Table, chosen
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BATCH_ROWS = 16_384
BUFFER_BYTES = 2**20


def read(path: Path, columns: Sequence[str] | None, limit: int | None) -> Table:
    """The asked-for columns; label names where the Hugging Face metadata of the file states them."""
    try:
        # With a buffer a column is read piece by piece; without one, a whole row group of it at once.
        with pq.ParquetFile(path, buffer_size=BUFFER_BYTES) as file:
            schema = file.schema_arrow
            names = chosen(schema.names, columns, str(path))
            if limit == 0:
                return Table(str(path), {name: [] for name in names}, 0)
            if not names:
                return Table(str(path), {}, file.metadata.num_rows)
            rows = BATCH_ROWS if limit is None else min(BATCH_ROWS, limit)
            return arrow.table(
                file.iter_batches(rows, columns=names),
                names,
                source=str(path),
                limit=limit,
                class_names=_class_names(schema),
            )
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise DataError(
            f"{path}: not a Parquet file, or a truncated or damaged one ({reason}); write or copy it again"
        ) from None


def _class_names(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """Label names by column, which the `datasets` library leaves in the file's metadata."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: tuple(feature["names"])
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}  # a note by another program; without it, labels are what the column holds
