"""Attributions of many items, read from their value tables by LIME and Shapley values.

Everything a comparison needs of a model: attributions from the whole plan with their standard errors, and from its two
independent halves, centred, whose products carry no noise bias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.explain.lime import lime, lime_map
from trusteq.explain.shapley import SHRINK, shapley, shapley_map

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.explain.plan import Plan


class Attributions:
    """What one method says of one model's answers; read as arrays padded with zeros beyond an item's own units.

    whole, error: attributions from all masks and their standard errors [items, units].
    first, second: from each half of the plan alone, centred within the item [items, units].

    Held packed, each item by its own length: texts of a hundred words among texts of ten would else fill memory with
    zeros.
    """

    def __init__(
        self,
        whole: NDArray[np.float64],
        error: NDArray[np.float64],
        first: NDArray[np.float64],
        second: NDArray[np.float64],
    ) -> None:
        rows = [np.stack(parts) for parts in zip(whole, error, first, second, strict=True)]
        self._rows = [row[:, : _used(row)].copy() for row in rows]
        self._width = int(whole.shape[1])

    @classmethod
    def of(cls, rows: Sequence[NDArray[np.float64]], width: int) -> Attributions:
        """From each item's own whole, error, first and second [4, units]; ``width`` is that of the longest item."""
        made = cls.__new__(cls)
        made._rows, made._width = list(rows), width
        return made

    @property
    def whole(self) -> NDArray[np.float64]:
        """Attributions from all masks [items, units]."""
        return self._padded(0)

    @property
    def error(self) -> NDArray[np.float64]:
        """Their standard errors [items, units]."""
        return self._padded(1)

    @property
    def first(self) -> NDArray[np.float64]:
        """Attributions from the first half of the plan, centred [items, units]."""
        return self._padded(2)

    @property
    def second(self) -> NDArray[np.float64]:
        """Those from the second half [items, units]."""
        return self._padded(3)

    def take(self, at: NDArray[np.int64]) -> Attributions:
        """Those of the items at these positions."""
        return Attributions.of([self._rows[i] for i in at], self._width)

    def _padded(self, part: int) -> NDArray[np.float64]:
        made = np.zeros((len(self._rows), self._width))
        for to, row in zip(made, self._rows, strict=True):
            to[: row.shape[1]] = row[part]
        return made


def _used(row: NDArray[np.float64]) -> int:
    """Up to which unit anything in [4, units] is not zero."""
    used = np.flatnonzero(row.any(axis=0))
    return int(used[-1]) + 1 if used.size else 0


def attributions(plans: Sequence[Plan], values: Sequence[NDArray[np.float64]], method: str) -> list[Attributions]:
    """Each model's attributions from the values [masks, models] of each item."""
    read, matrix = {"lime": (lime, lime_map), "shapley": (shapley, shapley_map)}[method]
    models, width = values[0].shape[1], max(plan.units for plan in plans)
    rows: list[list[NDArray[np.float64]]] = [[] for _ in range(models)]
    for plan, v in zip(plans, values, strict=True):
        whole, error = read(plan, v)
        halves = []
        for half in plan.halves:
            a = matrix(plan, half, shrink=0.0 if plan.exact else SHRINK) @ v
            halves.append(a - a.mean(axis=0))
        made = np.stack([whole, error, *halves]).transpose(2, 0, 1)
        for model in range(models):
            rows[model].append(made[model].copy())
    return [Attributions.of(own, width) for own in rows]
