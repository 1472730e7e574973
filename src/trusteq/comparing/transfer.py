"""Whether one model's important units matter to the other: what leaving them out does, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.comparing.alignment import SumEstimator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from trusteq.explain.removal import Removal
    from trusteq.stats.estimate import Estimate
    from trusteq.stats.resampling import Resampling


def transfer(removal: Removal, candidate: int, resampling: Resampling) -> dict[str, Estimate]:
    """Transfer ratios and shares of changed answers, for the candidate at this position among the models.

    A ratio compares what a model loses without the other model's top units with what it loses without its own, both
    beyond the loss without random units: 1 if both rely on the same units, 0 if the other's are no better than random.
    """
    estimator = SumEstimator(resampling)
    estimates: dict[str, Estimate | None] = {
        "transfer_to_candidate": _ratio(estimator, removal.drop[candidate], 0, candidate, "candidate"),
        "transfer_to_reference": _ratio(estimator, removal.drop[0], candidate, 0, "reference"),
    }
    for name, model in (("reference", 0), ("candidate", candidate)):
        for words, source in (("reference", 0), ("candidate", candidate), ("random", -1)):
            estimates[f"mind_changed_{name}_by_{words}_words"] = resampling.share(
                removal.changed[model, source],
                what=f"share of items where the {name} answers differently without {_words_of(words)} words",
            )
    return {name: estimate for name, estimate in estimates.items() if estimate is not None}


def _ratio(estimator: SumEstimator, drop: NDArray[np.float64], other: int, model: int, name: str) -> Estimate | None:
    return estimator.ratio(
        drop[other] - drop[-1],
        drop[model] - drop[-1],
        what=f"what the other's top quarter of words is worth to the {name}, over its own; both beyond random words",
    )


def _words_of(words: str) -> str:
    return "as many random" if words == "random" else f"the {words}'s top quarter of"
