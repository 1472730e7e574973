"""Attributions of many items, read from their value tables by LIME and Shapley values.

Everything a comparison needs of a model: attributions from the whole plan with their standard errors, and from its two
independent halves, centred, whose products carry no noise bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special

from trusteq.explain.lime import lime, lime_map
from trusteq.explain.shapley import SHRINK, shapley, shapley_map

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.explain.plan import Plan

Scale = Literal["probability", "log-odds"]
METHODS = ("lime", "shapley")


@dataclass(frozen=True)
class Attributions:
    """What one method says of one model's answers, padded with zeros beyond an item's own units.

    whole, error: attributions from all masks and their standard errors [items, units].
    first, second: from each half of the plan alone, centred within the item [items, units].
    """

    whole: NDArray[np.float64]
    error: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]

    def take(self, at: NDArray[np.int64]) -> Attributions:
        """Those of the items at these positions."""
        return Attributions(self.whole[at], self.error[at], self.first[at], self.second[at])


def on_scale(table: NDArray[np.float64], label: int, scale: Scale) -> NDArray[np.float64]:
    """A label's values [masks] from log-probabilities [masks, labels]: its probability, or the log of its odds."""
    own = table[:, label]
    if scale == "probability":
        return np.asarray(np.exp(own))
    # From the others' probabilities: 1 - p would be nothing where p rounds to 1.
    others = np.delete(table, label, axis=1)
    return np.asarray(own - special.logsumexp(others, axis=1))


def attributions(plans: Sequence[Plan], values: Sequence[NDArray[np.float64]], method: str) -> list[Attributions]:
    """Each model's attributions from the values [masks, models] of each item."""
    read, matrix = {"lime": (lime, lime_map), "shapley": (shapley, shapley_map)}[method]
    models, width = values[0].shape[1], max(plan.units for plan in plans)
    made = np.zeros((4, models, len(plans), width))
    for i, (plan, v) in enumerate(zip(plans, values, strict=True)):
        n = plan.units
        whole, error = read(plan, v)
        made[0, :, i, :n], made[1, :, i, :n] = whole.T, error.T
        for half, rows in enumerate(plan.halves):
            a = (matrix(plan, rows, shrink=0.0 if plan.exact else SHRINK) @ v).T
            made[2 + half, :, i, :n] = a - a.mean(axis=1, keepdims=True)
    return [Attributions(*made[:, model]) for model in range(models)]
