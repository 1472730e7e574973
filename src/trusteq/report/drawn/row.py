"""A row of a table as bars: each column's value, or those of the columns of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.explain.columns import grouping
from trusteq.report.drawn.drawing import Bars, Marks

if TYPE_CHECKING:
    from trusteq.data.rows import Row


def draw(row: Row | None, marks: Marks) -> Bars:
    """The values of each unit's columns, in words."""
    groups = None if row is None else grouping(row.background, marks.names)
    if row is None or groups is None:
        return Bars(("",) * len(marks.names), marks.names)
    shown = [column.shown(value) for column, value in zip(row.columns, row.values, strict=True)]
    named = [f"{column.name} {value}" for column, value in zip(row.columns, shown, strict=True)]
    lines = tuple(", ".join(named[at] for at in group) for group in groups)
    alone = (shown[group[0]] if len(group) == 1 else None for group in groups)
    return Bars(tuple(line if value is None else value for value, line in zip(alone, lines, strict=True)), lines)
