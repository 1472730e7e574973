"""The options of each item from a column of a table, and the position of the right one from another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.table import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.data.table import Table


def own_options(table: Table, name: str) -> list[tuple[str, ...]]:
    """The texts of a column of lists, one list per row; a text must be such a list as JSON."""
    return [_options(table, row, name, value) for row, value in enumerate(table.values(name))]


def _options(table: Table, row: int, name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple) or not all(isinstance(option, str) for option in value):
        raw = shown(table.values(name)[row])
        raise table.error(row, name, f'is not a list of options: {raw}; write texts as ["one", "other"]')
    if len(value) < 2:
        raise table.error(row, name, f"has {len(value)} options; give two or more to choose from")
    for option in value:
        if not option.strip():
            raise table.error(row, name, f"has an empty option in {shown(value)}; fill it in or drop the row")
    if len(set(value)) < len(value):
        twice = next(option for option in value if value.count(option) > 1)
        raise table.error(row, name, f"has the option {shown(twice)} twice; make each different")
    return tuple(value)


def right_options(table: Table, name: str, options: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """The position of the right option [rows]: a whole number counted from 0, or the text of one of the options."""
    codes = np.empty(len(options), dtype=np.int64)
    values = table.values(name)
    for row, (text, own) in enumerate(zip(table.texts(name), options, strict=True)):
        readings = {own.index(text)} if text in own and isinstance(values[row], str) else set()
        if text.isdecimal() and text.isascii() and int(text) < len(own):
            readings.add(int(text))
        if len(readings) > 1:
            problem = "is an option and also the position of another one; write the position as a number, not as a text"
            raise table.error(row, name, f"is {shown(text)}, which {problem}")
        if not readings:
            problem = f"is not a position from 0 to {len(own) - 1} nor one of the options; write the position of the"
            raise table.error(row, name, f"is {shown(text)}, which {problem} right one, counted from 0")
        (codes[row],) = readings
    return codes
