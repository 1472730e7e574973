"""A drawing in a terminal: a coarse map of the weights on a grid of cells, of both models and their difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import set_cell_size
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderResult

    from trusteq.report.drawn.drawing import Area
    from trusteq.report.drawn.weights import Weight

SHADES = " ░▒▓█"
FEW = 6
"""Columns of a grid up to which a cell takes more than one line."""
GAP = 3


@dataclass(frozen=True)
class Maps:
    """The maps, beside each other if the terminal is wide enough.

    titles: of the maps. largest: what the darkest shade stands for. colours: of what supports and what opposes.
    """

    area: Area
    titles: Sequence[str]
    panels: Sequence[Sequence[Weight]]
    largest: float
    colours: tuple[str, str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        grid = _grid(self.area)
        if grid is None:
            return
        columns = len(grid[0])
        cell, lines = (4, 2) if columns <= FEW else (2, 1)
        width = columns * cell
        beside = max(1, min(len(self.panels), (options.max_width + GAP) // (width + GAP)))
        for first in range(0, len(self.panels), beside):
            shown = range(first, min(first + beside, len(self.panels)))
            titles = (set_cell_size(self.titles[at], width) for at in shown)
            yield Text((" " * GAP).join(titles).rstrip(), style="dim", no_wrap=True)
            for row in grid:
                for line in range(lines):
                    text = Text(no_wrap=True)
                    for at in shown:
                        if at > first:
                            text.append(" " * GAP)
                        for piece, colour in self._row(self.panels[at], row, cell, first_line=not line):
                            text.append(piece, style=colour)
                    yield text
            yield Text()

    def _row(
        self, weights: Sequence[Weight], row: Sequence[int], cell: int, *, first_line: bool
    ) -> Iterator[tuple[str, str]]:
        for unit in row:
            weight = weights[unit]
            share = abs(weight.value) / self.largest if self.largest > 0 else 0.0
            shade = SHADES[0 if weight.unsure else min(round(share * 4), 4)]
            sign = " " if shade == " " or not first_line else "+" if weight.value > 0 else "-"
            faint = "·" if shade == " " else shade
            yield sign + faint * (cell - 1), self.colours[weight.value < 0] if shade != " " else "dim"


def _grid(area: Area) -> list[list[int]] | None:
    """The units in rows from the top, each from the left; None if the area is not a grid of units."""
    tops = sorted({box[1] for box in area.boxes})
    lefts = sorted({box[0] for box in area.boxes})
    place = {(box[1], box[0]): unit for unit, box in enumerate(area.boxes)}
    if area.outlines or not place or len(place) != len(tops) * len(lefts) or len(place) != len(area.boxes):
        return None
    return [[place[top, left] for left in lefts] for top in tops]
