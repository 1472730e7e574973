"""Data frames as tables: of pandas, whose index is not a column, and of what speaks Arrow, such as polars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from trusteq.data import arrow
from trusteq.data.table import Table, selected

if TYPE_CHECKING:
    from collections.abc import Sequence


SOURCE = "data frame"
"""What messages call a data frame."""


def is_frame(source: object) -> bool:
    """Whether this is a data frame of pandas, without importing it."""
    return hasattr(source, "columns") and hasattr(source, "iloc")


def is_arrow(source: object) -> bool:
    """Whether this is another data frame: columns that can be had as Arrow's (of polars, pyarrow, DuckDB)."""
    return hasattr(source, "columns") and hasattr(source, "__arrow_c_stream__") and not is_frame(source)


def read(frame: Any, columns: Sequence[str] | None, limit: int | None, *, source: str = SOURCE) -> Table:
    """The named columns (None: all) of the first ``limit`` rows; values that are missing to pandas are None."""
    names = [str(name) for name in frame.columns]
    rows = frame.iloc[:limit]
    series = {name: rows.iloc[:, names.index(name)].astype(object) for name in selected(names, columns, source)}
    values = {name: column.where(column.notna(), None).tolist() for name, column in series.items()}
    return Table(source, values, len(rows))


def read_arrow(frame: Any, columns: Sequence[str] | None, limit: int | None) -> Table:
    """The same of a data frame that is not of pandas."""
    table = pa.table(frame)
    names = selected(table.column_names, columns, SOURCE)
    # No column may be asked for, only the number of rows.
    batches = table.slice(0, limit).to_batches()
    return arrow.table(batches, names, source=SOURCE, limit=limit, class_names={})
