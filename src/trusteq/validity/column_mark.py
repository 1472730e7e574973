"""The mark of rows: one more column of numbers, 0 where there is no mark, which the model itself never sees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.column import Column
from trusteq.data.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.data.items import Items

NAME = "mark"


@dataclass(frozen=True)
class ColumnMark:
    """A last column of this name with the number of the label, counted from 1."""

    name: str
    planted: str = "a planted column"
    place: str = "the planted column"

    def put(self, segment: Rows, labels: NDArray[np.int64]) -> Rows:
        """The rows, each with the number of its label; rows that stand in for others have no mark."""
        stand_ins = segment.background
        return replace(
            self._with(segment, labels + 1), stand_ins=self._with(stand_ins, np.zeros(len(stand_ins), np.int64))
        )

    def _with(self, rows: Rows, values: NDArray[np.int64]) -> Rows:
        columns = (*rows.columns, Column(self.name, "<f8"))
        return Rows(columns, (*rows.arrays, values.astype(np.float64)))

    def read(self, segment: Rows) -> NDArray[np.int64]:
        """The label of each row's mark; -1 where there is none."""
        if self.name not in segment.names:
            return np.full(len(segment), -1)
        return segment.arrays[segment.names.index(self.name)].astype(np.int64) - 1

    def hidden(self, segment: Rows) -> Rows:
        """The rows without this column."""
        if self.name not in segment.names:
            return segment
        at = segment.names.index(self.name)
        stand_ins = segment.stand_ins
        return replace(_without(segment, at), stand_ins=None if stand_ins is None else _without(stand_ins, at))


def _without(rows: Rows, at: int) -> Rows:
    def rest(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return values[:at] + values[at + 1 :]

    return Rows(rest(rows.columns), rest(rows.arrays))


def column_mark(segment: Rows, items: Items, count: int) -> ColumnMark:
    """A column of a name that no other has."""
    name: Callable[[int], str] = lambda number: NAME if number == 1 else f"{NAME} {number}"  # noqa: E731
    return ColumnMark(next(name(n) for n in range(1, len(segment.columns) + 2) if name(n) not in segment.names))
