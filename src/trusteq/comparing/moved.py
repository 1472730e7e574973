"""How far each item's prediction has moved from the reference to a candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.stats.rows import row_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.tasks.outcomes import Outcomes


def moved(reference: Outcomes, candidate: Outcomes) -> NDArray[np.float64]:
    """The total variation distance between both models' probabilities [outcomes], 0 to 1.

    Where only the confidence in the answer is known, the least that this distance can be.
    """
    if reference.distribution is not None and candidate.distribution is not None:
        return np.asarray(0.5 * row_sums(np.abs(candidate.distribution - reference.distribution)))
    mine, theirs = reference.confidence, candidate.confidence
    # Of another answer, the candidate can leave the reference's no more than what its own does not take.
    left = np.minimum(theirs, 1 - theirs)
    return np.where(reference.answer == candidate.answer, np.abs(theirs - mine), np.maximum(mine - left, 0.0))
