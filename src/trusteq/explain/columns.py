"""Units of rows: columns of a table, or groups of columns, beside rows of a background.

A column left out takes the value of another row. Which row is drawn for every pair of masks, so the values estimate
interventional Shapley values over the background (Lundberg et al. 2020), and the draws' noise averages out with that of
the masks. A row put together from two may be one that does not occur.

Columns of one variable, one for each of its values, are one unit; so are columns that say nearly the same: taken apart,
two models of the same behaviour may exchange them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.rows import Row, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME = 0.9
"""The mean rank correlation from which columns are one unit."""
FEW_NAMES = 3
"""Names of so many columns are written out."""

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class ColumnUnits:
    """Groups of columns of one row. drawn: the row of the background for each version; None until it is known."""

    row: Row
    groups: Groups
    drawn: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns [units]."""
        return group_names(tuple(column.name for column in self.row.columns), self.groups)

    @property
    def segments(self) -> NDArray[np.int64]:
        """One segment [units]."""
        return np.zeros(len(self), dtype=np.int64)

    @property
    def places(self) -> dict[str, NDArray[np.int64]]:
        """None: the name says where a column is."""
        return {}

    @cached_property
    def _unit_of(self) -> NDArray[np.int64]:
        unit = np.zeros(len(self.row.columns), dtype=np.int64)
        for number, group in enumerate(self.groups):
            unit[list(group)] = number
        return unit

    def beside(self, drawn: NDArray[np.int64]) -> ColumnUnits:
        """The same units beside these rows of the background [masks]."""
        return replace(self, drawn=drawn)

    def render(self, kept: NDArray[np.bool_], perturb: str) -> tuple[Rows]:
        """The row with the values of the drawn rows in place of the units left out [masks]."""
        columns, background = self.row.columns, self.row.background
        drawn = np.zeros(len(kept), dtype=np.int64) if self.drawn is None else self.drawn
        arrays = []
        for column, value, others, unit in zip(columns, self.row.values, background.arrays, self._unit_of, strict=True):
            arrays.append(np.where(kept[:, unit], column.of([value]), others[drawn]))
        return (Rows(columns, tuple(arrays), background),)

    def content(self) -> tuple[Any, ...]:
        """The row, its columns, the groups and the background's hash."""
        row = self.row
        about = [column.about() for column in row.columns]
        return list(map(repr, row.values)), about, [list(group) for group in self.groups], row.background.digest


def single_columns(values: tuple[Any, ...]) -> ColumnUnits:
    """The columns of a row, those of one variable together."""
    (row,) = values
    return ColumnUnits(row, groups_of(row.background, 1.0))


def column_groups(values: tuple[Any, ...]) -> ColumnUnits:
    """Groups of columns that say nearly the same."""
    (row,) = values
    return ColumnUnits(row, groups_of(row.background, SAME))


def background_rows(rows: Any) -> int:
    """How many rows stand in for columns left out."""
    return len(rows.background)


def group_names(names: tuple[str, ...], groups: Groups) -> tuple[str, ...]:
    """A name for each group, from those of its columns."""
    made = []
    for group in groups:
        own = [names[at] for at in group]
        rest = len(own) - FEW_NAMES
        made.append(" + ".join(own) if rest <= 0 else f"{' + '.join(own[:FEW_NAMES])} + {rest} more")
    return tuple(made)


def grouping(background: Rows, units: tuple[str, ...]) -> Groups | None:
    """The groups of columns that have these names; None if no cut gives them."""
    columns = tuple(column.name for column in background.columns)
    possible = (groups_of(background, same) for same in (SAME, 1.0))
    return next((groups for groups in possible if group_names(columns, groups) == units), None)


@lru_cache(maxsize=16)
def groups_of(background: Rows, same: float) -> Groups:
    """The columns of each unit, by the background alone: one-hot columns, and those joined at a mean |rho| of ``same``.

    Average linkage on 1 - |rho|, with Spearman's rho; gaps take the column's median. A ``same`` of 1 joins only one-hot
    columns. Columns with categories, and constant ones, stand alone.
    """
    one_hot = _one_hot(background)
    group_of = {at: group for group in one_hot for at in group}
    joined: list[tuple[int, ...]] = []
    if same < 1:
        numbers = [
            at
            for at, (column, array) in enumerate(zip(background.columns, background.arrays, strict=True))
            if column.is_number and at not in group_of and len(np.unique(array)) > 1
        ]
        joined = (
            _correlated(np.stack([background.arrays[at] for at in numbers], axis=1), numbers, same) if numbers else []
        )
    grouped = {at: group for group in (*one_hot, *joined) for at in group}
    groups = dict.fromkeys(grouped.get(at, (at,)) for at in range(len(background.columns)))
    return tuple(groups)


def _one_hot(background: Rows) -> list[tuple[int, ...]]:
    """Columns of 0 and 1 that follow each other, share the start of their names, and of which one at most is 1."""
    binary = []
    for column, array in zip(background.columns, background.arrays, strict=True):
        binary.append(column.is_number and bool(np.isin(array, (0, 1)).all()))
    groups, at = [], 0
    while at < len(binary):
        stem = _stem(background.columns[at].name)
        end = at
        while binary[at] and stem and end < len(binary) and binary[end] and _stem(background.columns[end].name) == stem:
            end += 1
        columns = tuple(range(at, end))
        if len(columns) > 1 and np.sum([background.arrays[c].astype(np.float64) for c in columns], axis=0).max() <= 1:
            groups.append(columns)
        at = max(end, at + 1)
    return groups


def _stem(name: str) -> str:
    """What comes before the value in a one-hot column's name ("job_clerk", "job=clerk"); empty if nothing does."""
    for sign in ("=", "__", "_", ":", "."):
        stem, found, value = name.rpartition(sign)
        if found and stem and value:
            return stem + sign
    return ""


def _correlated(values: NDArray[Any], at: list[int], same: float) -> list[tuple[int, ...]]:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    from scipy.stats import rankdata

    if len(at) < 2 or len(values) < 3:
        return []
    x = values.astype(np.float64)
    medians = np.nanmedian(x, axis=0)
    ranks = rankdata(np.where(np.isnan(x), medians, x), axis=0)
    distance = 1 - np.abs(np.corrcoef(ranks, rowvar=False))
    distance = np.clip((distance + distance.T) / 2, 0, 1)
    np.fill_diagonal(distance, 0)
    cluster = fcluster(linkage(squareform(distance, checks=False), "average"), 1 - same + 1e-12, "distance")
    return [tuple(at[i] for i in np.flatnonzero(cluster == number)) for number in np.unique(cluster)]
