"""How faithful attributions are to their model: how much of its answers to other changed items they predict.

Attributions fitted to one half of a plan predict the values of the masks of the other half, which are new to them, and
the other way round. R^2 is 1 for a model whose units add up, and small where units interact or masks are too few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.explain.lime import lime_map
from trusteq.explain.shapley import SHRINK, shapley_map

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.explain.plan import Plan


def faithfulness(
    plans: Sequence[Plan], values: Sequence[NDArray[np.float64]], method: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What attributions predict of the variation of held-out values, and that variation [models, items] each.

    values: those of each item [masks, models]. The sum of the first over the sum of the second is R^2.
    """
    attribution_map = {"lime": lime_map, "shapley": shapley_map}[method]
    predicted, total = (np.zeros((values[0].shape[1], len(plans))) for _ in range(2))
    for i, (plan, v) in enumerate(zip(plans, values, strict=True)):
        first, second = plan.halves
        for seen, held_out in ((first, second), (second, first)):
            attributions = attribution_map(plan, seen, shrink=0.0 if plan.exact else SHRINK) @ v
            rows = held_out.ravel()
            if not rows.size:  # a single unit has no masks but the complete and the empty item
                continue
            masks, answers = plan.masks[rows].astype(np.float64), v[rows]
            variation = answers - answers.mean(axis=0)
            missed = variation - (masks - masks.mean(axis=0)) @ attributions
            total[:, i] += (variation**2).sum(axis=0)
            predicted[:, i] += (variation**2 - missed**2).sum(axis=0)
    return predicted, total
