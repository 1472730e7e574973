"""Whether one model's important words are important to the other: what leaving them out does, both ways round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.compare.alignment import Resamplings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from trusteq.explain.removal import Removal
    from trusteq.stats.estimate import Estimate
    from trusteq.stats.resampling import Resampling


def transfer(removal: Removal, candidate: int, resampling: Resampling) -> dict[str, Estimate]:
    """Transfer ratios and shares of changed answers, for the candidate at this place among the models.

    A ratio is how much of what its own words are worth to a model the other's words are worth to it, beyond random
    words: 1 where both lean on the same words, 0 where the other's are no better than random.
    """
    same = Resamplings(resampling)
    found: dict[str, Estimate | None] = {
        "transfer_to_candidate": _ratio(same, removal.drop[candidate], 0, candidate, "candidate"),
        "transfer_to_reference": _ratio(same, removal.drop[0], candidate, 0, "reference"),
    }
    for name, model in (("reference", 0), ("candidate", candidate)):
        for words, source in (("reference", 0), ("candidate", candidate), ("random", -1)):
            found[f"mind_changed_{name}_by_{words}_words"] = resampling.share(
                removal.changed[model, source],
                what=f"share of items where the {name} answers differently without {_whose(words)} words",
            )
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def _ratio(same: Resamplings, drop: NDArray[np.float64], other: int, own: int, name: str) -> Estimate | None:
    return same.ratio(
        drop[other] - drop[-1],
        drop[own] - drop[-1],
        what=f"what the other's top quarter of words is worth to the {name}, over its own; both beyond random words",
    )


def _whose(words: str) -> str:
    return "as many random" if words == "random" else f"the {words}'s top quarter of"
