"""Attributions of many items, computed from their value tables as LIME and Shapley values.

Everything that a comparison needs of a model: attributions from the complete plan with their standard errors, and from
its two independent halves, centred, whose products have no noise bias; and the mean of such products over several cuts
of the plan into halves, which have less noise.
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
    """One model's attributions by one method, as arrays padded with zeros beyond an item's own units.

    whole, error: attributions from all masks and their standard errors [items, units].
    first, second: from each half of the plan only, centred within the item [items, units].

    Stored packed, each item at its own length: otherwise, a few long items would fill memory with zeros.
    """

    def __init__(
        self,
        whole: NDArray[np.float64],
        error: NDArray[np.float64],
        first: NDArray[np.float64],
        second: NDArray[np.float64],
    ) -> None:
        rows = [np.stack(parts) for parts in zip(whole, error, first, second, strict=True)]
        self._rows = [row[:, : _used_units(row)].copy() for row in rows]
        self._width = int(whole.shape[1])

    @classmethod
    def of(cls, rows: Sequence[NDArray[np.float64]], width: int) -> Attributions:
        """From whole, error, first and second of each item [4, units]; ``width`` is the length of the longest item."""
        attributions = cls.__new__(cls)
        attributions._rows, attributions._width = list(rows), width
        return attributions

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
        """Attributions from the second half, centred [items, units]."""
        return self._padded(3)

    def take(self, at: NDArray[np.int64]) -> Attributions:
        """The attributions of the items at these positions."""
        return Attributions.of([self._rows[i] for i in at], self._width)

    def _padded(self, part: int) -> NDArray[np.float64]:
        padded = np.zeros((len(self._rows), self._width))
        for target, row in zip(padded, self._rows, strict=True):
            target[: row.shape[1]] = row[part]
        return padded


def _used_units(row: NDArray[np.float64]) -> int:
    """The number of units in [4, units] up to the last one that is not all zeros."""
    used = np.flatnonzero(row.any(axis=0))
    return int(used[-1]) + 1 if used.size else 0


_METHODS = {"lime": (lime, lime_map), "shapley": (shapley, shapley_map)}


def _moving(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values [masks, models]; 0 for a model that no mask moves, whose rounding would be attributed to units."""
    flat = (values == values[0]).all(axis=0)
    return np.where(flat, 0.0, values) if flat.any() else values


def attributions(plans: Sequence[Plan], values: Sequence[NDArray[np.float64]], method: str) -> list[Attributions]:
    """Each model's attributions from the values [masks, models] of each item."""
    attribute, attribution_map = _METHODS[method]
    models, width = values[0].shape[1], max(plan.units for plan in plans)
    rows: list[list[NDArray[np.float64]]] = [[] for _ in range(models)]
    for plan, v in zip(plans, values, strict=True):
        v = _moving(v)
        whole, error = attribute(plan, v)
        halves = []
        for half in plan.halves:
            a = attribution_map(plan, half, shrink=0.0 if plan.exact else SHRINK) @ v
            halves.append(a - a.mean(axis=0))
        by_model = np.stack([whole, error, *halves]).transpose(2, 0, 1)
        for model in range(models):
            rows[model].append(by_model[model].copy())
    return [Attributions.of(model_rows, width) for model_rows in rows]


def products(plans: Sequence[Plan], values: Sequence[NDArray[np.float64]], method: str) -> NDArray[np.float64]:
    """Unbiased products of every two models' true attributions [items, models, models], centred within the item.

    The mean over all `Plan.splits` of the products of one model's attributions from one half with another's from the
    other half.
    """
    attribution_map = _METHODS[method][1]
    products_ = np.zeros((len(plans), values[0].shape[1], values[0].shape[1]))
    for product, plan, v in zip(products_, plans, values, strict=True):
        cuts, v = plan.splits(), _moving(v)
        for halves in cuts:
            a, b = (attribution_map(plan, half, shrink=0.0 if plan.exact else SHRINK) @ v for half in halves)
            product += (a - a.mean(axis=0)).T @ (b - b.mean(axis=0)) / len(cuts)
    return 0.5 * (products_ + products_.transpose(0, 2, 1))
