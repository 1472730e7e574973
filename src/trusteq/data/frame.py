"""A pandas data frame as a table; its index is not a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.data.table import Table, selected

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_frame(source: object) -> bool:
    """Whether this is a data frame, without importing pandas."""
    return hasattr(source, "columns") and hasattr(source, "iloc")


def read(frame: Any, columns: Sequence[str] | None, limit: int | None, *, source: str = "data frame") -> Table:
    """The named columns (None: all) of the first ``limit`` rows; values that are missing to pandas are None."""
    names = [str(name) for name in frame.columns]
    rows = frame.iloc[:limit]
    series = {name: rows.iloc[:, names.index(name)].astype(object) for name in selected(names, columns, source)}
    values = {name: column.where(column.notna(), None).tolist() for name, column in series.items()}
    return Table(source, values, len(rows))
