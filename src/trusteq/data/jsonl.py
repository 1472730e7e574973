"""Reader of JSON lines: one object per line, of which only the requested keys are stored."""

from __future__ import annotations

import json
from array import array
from typing import TYPE_CHECKING, Any

from trusteq.data.lines import lines
from trusteq.data.surrogates import is_unicode
from trusteq.data.table import Table, selected, shown
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def read(path: Path, columns: Sequence[str] | None, limit: int | None) -> Table:
    """The requested keys as columns; the first line decides which keys there are."""
    columns_read: dict[str, list[Any]] | None = None
    numbers = array("Q")
    for number, line in enumerate(lines(path), 1):
        if line.isspace():
            continue
        row = _parsed(line, f"{path}: line {number}")
        if "\\u" in line and (invalid := next((key for key in row if not is_unicode(key)), None)) is not None:
            raise DataError(
                f"{path}: line {number}: key {invalid!r} has half of a surrogate pair; write the complete character"
            )
        if columns_read is None:
            columns_read = {name: [] for name in selected(list(row), columns, str(path))}
        if limit is not None and len(numbers) >= limit:
            break
        for name, values in columns_read.items():
            if name not in row:
                raise DataError(
                    f"{path}: line {number}: no key {name!r} (its keys are {shown(list(row))}); every line needs it"
                )
            value = row[name]
            if "\\u" in line and isinstance(value, str) and not is_unicode(value):
                raise DataError(
                    f"{path}: line {number}: key {name!r} has half of a surrogate pair ({shown(value)}); "
                    "write the complete character"
                )
            values.append(value)
        numbers.append(number)
    if columns_read is None:
        raise DataError(f"{path}: empty; expected one JSON object per line")
    return Table(str(path), columns_read, len(numbers), lines=numbers)


def _parsed(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where}: not valid JSON ({error}): {shown(line.strip())}; write one JSON object per line"
        ) from None
    if not isinstance(row, dict):
        raise DataError(f"{where}: {shown(row)} is not a JSON object; write one object per line, {{...}}")
    return row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(name for name in names if names.count(name) > 1)!r} appears twice")
    return row
