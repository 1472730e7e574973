"""A table, or the same content in lines where a narrow terminal would cut its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.measure import Measurement

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Column, Table


@dataclass(frozen=True)
class ResponsiveTable:
    """The table if none of its words would be cut, else the lines."""

    table: Table
    lines: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        _, right, _, left = self.table.padding
        columns = self.table.columns
        needed = sum(self._width(column, console, options) + left + right for column in columns) - right
        yield self.table if needed <= options.max_width else self.lines

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self.table)

    def _width(self, column: Column, console: Console, options: ConsoleOptions) -> int:
        """What a column needs: its longest word, or its longest cell where cells are not wrapped."""
        room = options.update(max_width=10_000)
        widths = [Measurement.get(console, room, cell) for cell in (column.header, *column.cells)]
        return max((width.maximum if column.no_wrap else width.minimum for width in widths), default=0)
