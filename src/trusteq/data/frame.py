"""Data frames as tables: of pandas, whose index is not a column, and of what speaks Arrow, such as polars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from trusteq.data import arrow
from trusteq.data.table import Table, selected
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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


def refuse_other_order(values: Mapping[str, Any]) -> None:
    """Stop if two pandas objects have the same index in another order: rows may belong to different items."""
    indexed = {name: value.index for name, value in values.items() if is_frame(value) or hasattr(value, "iloc")}
    for name, index in list(indexed.items())[1:]:
        first, other = next(iter(indexed.items()))
        if len(index) == len(other) and not index.equals(other) and index.sort_values().equals(other.sort_values()):
            raise DataError(
                f"{name}: its index has the same values as that of {first}, in another order; sort one like the other "
                f"({name}.loc[...]), or if rows match by position, drop the index of both (reset_index(drop=True))"
            )
