"""Table: the requested columns of a file of any kind."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Table:
    """Raw values by column name, one per row.

    columns: lists of Python values, or arrays [rows, ...] if the file itself has numbers without gaps.
    class_names: names of the codes 0, 1, ... for columns for which the file states them.
    lines: the line on which each row starts; None for files without lines, whose rows are counted from 1.
    typed: whether the file itself tells numbers from texts, as CSV does not.
    """

    source: str
    columns: Mapping[str, list[Any] | NDArray[Any]]
    rows: int
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lines: Sequence[int] | None = None
    typed: bool = True

    def __repr__(self) -> str:
        return f"<Table of {self.rows:,} rows of {self.source}; {len(self.columns)} columns>"

    def __str__(self) -> str:
        """Its source, as messages call it."""
        return self.source

    def part(self, columns: Sequence[str] | None, limit: int | None) -> Table:
        """The named columns (None: all) of the first ``limit`` rows (None: all)."""
        names = selected(list(self.columns), columns, self.source)
        rows = self.rows if limit is None else min(limit, self.rows)
        return replace(self, columns={name: self.columns[name][:limit] for name in names}, rows=rows)

    def place(self, row: int) -> str:
        """Where a row is in the file: "row 17", "line 18"."""
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"

    def values(self, name: str) -> list[Any]:
        """The column as Python values."""
        column = self.columns[name]
        return column.tolist() if isinstance(column, np.ndarray) else column

    def error(self, row: int, name: str, problem: str) -> DataError:
        """The error about one cell, for the caller to raise."""
        return DataError(f"{self.source}: {self.place(row)}: column {name!r} {problem}")

    def texts(self, name: str, *, missing: str | None = None) -> list[str]:
        """The column as texts, 17.0 as "17"; an empty cell becomes ``missing``, an error without it."""
        values = self.values(name)
        kinds = set(map(type, values))
        if kinds == {str} and all(map(str.strip, values)):
            return values
        if kinds == {int}:
            return list(map(str, values))
        texts = []
        for row, value in enumerate(values):
            if value is None or value != value or (isinstance(value, str) and not value.strip()):
                if missing is None:
                    raise self.error(row, name, f"has no value ({value!r}); fill it in or drop the row")
                texts.append(missing)
            elif isinstance(value, str):
                texts.append(value)
            elif isinstance(value, list | dict | bytes):
                kind = type(value).__name__
                raise self.error(row, name, f"holds a {kind} ({shown(value)}); expected a text or a number")
            elif isinstance(value, float) and value.is_integer():
                # pandas turns whole numbers into floats as soon as one of them is missing.
                texts.append(str(int(value)))
            else:
                texts.append(str(value))
        return texts

    def ids(self, name: str) -> list[str]:
        """The column as texts that are all different."""
        ids = self.texts(name)
        if len(set(ids)) == len(ids):
            return ids
        first: dict[str, int] = {}
        for row, id_ in enumerate(ids):
            if (earlier := first.setdefault(id_, row)) != row:
                raise DataError(
                    f"{self.source}: {self.place(row)}: id {shown(id_)} in column {name!r} appears twice, "
                    f"first in {self.place(earlier)}; ids must be unique, or match by row number with --by-row"
                )
        return ids


def selected(names: Sequence[str], columns: Sequence[str] | None, source: str) -> list[str]:
    """The columns to read, without repeats (all names if None); an error if one is missing or ambiguous."""
    if len(set(names)) != len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{source}: column {repeated!r} appears twice in the header; give each column its own name")
    if columns is None:
        return list(names)
    for name in columns:
        if name not in names:
            similar = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {similar[0]!r}?" if similar else ""
            listed = ", ".join(repr(n) for n in names[:20]) + (f" and {len(names) - 20} more" if names[20:] else "")
            raise DataError(f"{source}: no column {name!r}; the columns are {listed or 'none'}{hint}")
    return list(dict.fromkeys(columns))


def shown(value: object) -> str:
    """The value as one short line, for a message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
