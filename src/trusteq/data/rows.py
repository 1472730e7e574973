"""Rows: the kind of segment whose items are rows of a table, with named columns of numbers and of categories."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from trusteq.data.arrays import Arrays
from trusteq.data.column import Column, column_of
from trusteq.data.frame import is_frame
from trusteq.data.texts import Texts
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from trusteq.data.segment import Segment

BACKGROUND = 100
"""Rows that stand in for columns left out, if the user names none."""


@dataclass(frozen=True, eq=False)
class Row:
    """One row of a table: its values in the order of the columns, None where one is missing.

    background: the rows from which values stand in for columns left out.
    """

    columns: tuple[Column, ...]
    values: tuple[Any, ...]
    background: Rows

    def __str__(self) -> str:
        return ", ".join(
            f"{column.name} {column.shown(value)}" for column, value in zip(self.columns, self.values, strict=True)
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a table, stored by column.

    columns: their names and types. arrays: the values of each [items], as `Column` says. stand_ins: the background, by
    default these rows themselves.
    """

    columns: tuple[Column, ...]
    arrays: tuple[NDArray[Any], ...]
    stand_ins: Rows | None = None

    kind: ClassVar[str] = "row"
    counted: ClassVar[Mapping[str, str]] = {}
    copies_repeat: ClassVar[bool] = False
    """Two items may have the same few measured numbers by chance."""
    storable: ClassVar[bool] = True

    @classmethod
    def holding(cls, values: Any) -> Rows | None:
        """A data frame as this kind; None for anything else."""
        return cls.of_frame(values) if is_frame(values) else None

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, background: pd.DataFrame | None = None) -> Rows:
        """The rows of a data frame, whose index plays no part; and of another one, which stand in for columns left out.

        Its columns keep their types. By default, `BACKGROUND` of the rows stand in for others.
        """
        names = [str(name) for name in frame.columns]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"data frame: column {twice!r} appears twice; give each column its own name")
        made = [column_of(name, frame.iloc[:, at]) for at, name in enumerate(names)]
        rows = cls(tuple(column for column, _ in made), tuple(values for _, values in made))
        return rows.beside(None if background is None else cls.of_frame(background))

    def beside(self, background: Rows | None) -> Rows:
        """The same rows with the rows that stand in for columns left out; None for some of themselves."""
        if background is None:
            return replace(self, stand_ins=replace(self.take(self._spread(BACKGROUND)), stand_ins=None))
        names = {column.name for column in background.columns}
        if missing := [column.name for column in self.columns if column.name not in names]:
            raise DataError(f"background: no column {missing[0]!r}, which the items have; give rows of the same table")
        at = [[c.name for c in background.columns].index(column.name) for column in self.columns]
        arrays = []
        for column, i in zip(self.columns, at, strict=True):
            other = background.columns[i]
            if other.is_number != column.is_number:
                kinds = {True: "numbers", False: "categories"}
                raise DataError(
                    f"background: column {column.name!r} holds {kinds[other.is_number]}, but the items' "
                    f"{kinds[column.is_number]}; give rows of the same table"
                )
            arrays.append(column.like(other.values(background.arrays[i])))
        return replace(self, stand_ins=Rows(self.columns, tuple(arrays)))

    def _spread(self, count: int) -> NDArray[np.int64]:
        """Positions of so many rows: those with the smallest hashes, so the choice depends on nothing but the rows."""
        if len(self) <= count:
            return np.arange(len(self))
        seen: dict[bytes, int] = {}
        hashes = []
        for key in self.keys():
            seen[key] = seen.get(key, 0) + 1
            hashes.append(hashlib.sha256(key + seen[key].to_bytes(8, "little")).digest())
        chosen = sorted(range(len(self)), key=hashes.__getitem__)[:count]
        # In the order of their hashes, as the order of the items plays no part.
        return np.array(chosen, dtype=np.int64)

    @property
    def background(self) -> Rows:
        """The rows that stand in for columns left out."""
        return self if self.stand_ins is None else self.stand_ins

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [column.name for column in self.columns]

    def __len__(self) -> int:
        return len(self.arrays[0]) if self.arrays else 0

    def __getitem__(self, item: int) -> Row:
        at = range(len(self))[item]
        values = (c.values(a[at : at + 1])[0] for c, a in zip(self.columns, self.arrays, strict=True))
        return Row(self.columns, tuple(values), self.background)

    def __iter__(self) -> Iterator[Row]:
        for values in self._values():
            yield Row(self.columns, values, self.background)

    def _values(self) -> Iterator[tuple[Any, ...]]:
        return zip(*(c.values(a) for c, a in zip(self.columns, self.arrays, strict=True)), strict=True)

    def refuse_unfit(self, where: str) -> None:
        """Raise an error for rows without columns."""
        if not self.columns:
            raise DataError(f"{where} has no columns; name the columns that the models read")

    def first_empty(self) -> None:
        """None: a row with missing values is a row."""

    def take(self, at: NDArray[np.int64]) -> Rows:
        """The rows at these positions, with the same background."""
        return replace(self, arrays=tuple(array[at] for array in self.arrays))

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of all parts, in order."""
        arrays = zip(*(part.arrays for part in parts), strict=True)
        return replace(parts[0], arrays=tuple(np.concatenate(of) for of in arrays))

    def texts(self) -> None:
        """None: rows are not texts."""

    def named(self) -> dict[str, Segment]:
        """Each column as a segment of its own: numbers as arrays, categories as texts, "" where one is missing."""
        parts: dict[str, Segment] = {}
        for column, array in zip(self.columns, self.arrays, strict=True):
            texts = ("" if value is None else value for value in column.values(array))
            parts[column.name] = Arrays(array) if column.is_number else Texts(texts)
        return parts

    def inputs(self) -> pd.DataFrame:
        """A data frame with the columns' original types."""
        import pandas as pd

        series = {c.name: c.series(array) for c, array in zip(self.columns, self.arrays, strict=True)}
        return pd.DataFrame(series, copy=False)

    def matrix(self) -> NDArray[np.float64] | None:
        """All values as numbers [items, columns]; None if a column holds categories."""
        if not all(column.is_number for column in self.columns):
            return None
        return np.stack([array.astype(np.float64) for array in self.arrays], axis=1)

    def add_to(self, digest: hashlib._Hash) -> None:
        """Names, types and values, and the background's."""
        digest.update(json.dumps([column.about() for column in self.columns]).encode())
        for rows in (self, *(() if self.stand_ins is None else (self.stand_ins,))):
            for column, array in zip(rows.columns, rows.arrays, strict=True):
                digest.update(column.content(array))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of names, types and values."""
        total = hashlib.sha256()
        self.add_to(total)
        return total.hexdigest()

    def keys(self) -> Iterator[bytes]:
        """Each row's values."""
        return (repr(values).encode() for values in self._values())

    def sizes(self) -> NDArray[np.int64]:
        """Columns [items], the same for all."""
        return np.full(len(self), len(self.columns), dtype=np.int64)

    def counts(self, name: str) -> NDArray[np.int64]:
        """No count: nothing is counted in rows."""
        raise KeyError(name)

    def measures(self) -> dict[str, NDArray[np.float64]]:
        """The columns of numbers without gaps."""
        numbers = {c.name: a.astype(np.float64) for c, a in zip(self.columns, self.arrays, strict=True) if c.is_number}
        return {name: values for name, values in numbers.items() if np.isfinite(values).all()}

    def column(self) -> pa.Array:
        """A column of structures, one field per column of the table."""
        arrays = [column.arrow(array) for column, array in zip(self.columns, self.arrays, strict=True)]
        return pa.StructArray.from_arrays(arrays, self.names)

    def about(self) -> dict[str, Any]:
        """Kind, columns and the background's values."""
        background = [
            list(column.values(array)) for column, array in zip(self.columns, self.background.arrays, strict=True)
        ]
        return {"kind": self.kind, "columns": [column.about() for column in self.columns], "background": background}

    @classmethod
    def stored(cls, column: pa.ChunkedArray, about: Mapping[str, Any]) -> Rows:
        """The rows of such a column; a ValueError if it contains anything else."""
        try:
            columns = tuple(Column(**described) for described in about["columns"])
            background = tuple(
                described.of(values) for described, values in zip(columns, about["background"], strict=True)
            )
            whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            arrays = tuple(described.of(whole.field(described.name).to_pylist()) for described in columns)
        except (KeyError, TypeError, AttributeError, pa.ArrowException, OverflowError) as error:
            raise ValueError(f"not rows of a table: {error}") from None
        if column.null_count or len({len(array) for array in background}) > 1:
            raise ValueError("gaps")
        return cls(columns, arrays, cls(columns, background))
