"""How much of a model's answers to changed items its attributions predict, over the explained items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.comparing.alignment import SumEstimator
from trusteq.comparing.measures import method_title

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from trusteq.stats.estimate import Estimate
    from trusteq.stats.resampling import Resampling


def faithful(
    predicted: NDArray[np.float64], total: NDArray[np.float64], candidate: int, method: str, resampling: Resampling
) -> dict[str, Estimate]:
    """R^2 of both models' attributions on masks they were not fitted to, of the candidate at this position.

    predicted, total: the variation of held-out values that attributions predict, and all of it [models, items].
    """
    estimator = SumEstimator(resampling)
    what = f"R^2 of {method_title(method)} attributions on masks that they were not fitted to"
    estimates = {
        f"faithfulness_{name}_{method}": estimator.ratio(predicted[model], total[model], what=what)
        for name, model in (("reference", 0), ("candidate", candidate))
    }
    return {name: estimate for name, estimate in estimates.items() if estimate is not None}
