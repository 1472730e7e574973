"""Reader of CSV and TSV: Python's csv module in strict mode, row by row."""

from __future__ import annotations

import csv
from array import array
from itertools import chain
from typing import TYPE_CHECKING, Any

from trusteq.data.lines import lines
from trusteq.data.table import Table, selected, shown
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FIELD_LIMIT = 2**27
"""Maximum characters in a field; otherwise a quote that is never closed would swallow the rest of the file."""


def read_csv(path: Path, columns: Sequence[str] | None, limit: int | None) -> Table:
    """The requested columns of a comma-separated file, every value a text."""
    return _read(path, columns, limit, ",")


def read_tsv(path: Path, columns: Sequence[str] | None, limit: int | None) -> Table:
    """The requested columns of a tab-separated file, every value a text."""
    return _read(path, columns, limit, "\t")


def _read(path: Path, columns: Sequence[str] | None, limit: int | None, delimiter: str) -> Table:
    records = _records(path, delimiter)
    _, header = next(records, (0, []))
    if not header:
        raise DataError(f"{path}: empty; expected a header line and rows below it")
    first = next(records, None)
    _refuse_other_delimiter(header, [] if first is None else first[1], delimiter, str(path))
    names = selected(header, columns, str(path))
    values: dict[str, list[Any]] = {name: [] for name in names}
    fields_to_values = [(header.index(name), values[name]) for name in names]
    starts = array("Q")
    for line, fields in records if first is None else chain([first], records):
        if limit is not None and len(starts) >= limit:
            break
        if len(fields) != len(header):
            raise DataError(
                f"{path}: line {line}: {len(fields)} fields where the header has {len(header)} "
                f"(the row starts with {shown(fields[0])}); "
                f"put fields that contain {delimiter!r} in double quotes"
            )
        for position, column in fields_to_values:
            column.append(fields[position])
        starts.append(line)
    return Table(str(path), values, len(starts), lines=starts, typed=False)


def _refuse_other_delimiter(header: list[str], row: list[str], delimiter: str, path: str) -> None:
    """Stop if the header is one cell, but another delimiter splits it and the first row into equally many."""
    for other, name in _DELIMITERS.items():
        count = header[0].count(other)
        if other != delimiter and len(header) == 1 and count and (not row or delimiter.join(row).count(other) == count):
            raise DataError(
                f"{path}: line 1: one column, {shown(header[0])}: its cells seem to be separated by {name}, not "
                f"{_DELIMITERS[delimiter]}; write it with {_DELIMITERS[delimiter]}, or name a tab-separated file .tsv"
            )


_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Fields of each row with the line on which it starts; blank lines are skipped."""
    csv.field_size_limit(FIELD_LIMIT)  # process-wide in csv; restoring it would race with other readers
    reader = csv.reader(lines(path), delimiter=delimiter, strict=True)
    start = 1
    try:
        for fields in reader:
            if fields:
                yield start, fields
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}: the row that starts on line {start} cannot be read ({error}); close its double "
            "quotes, write a double quote inside a quoted field twice, and end lines with a line feed"
        ) from None
