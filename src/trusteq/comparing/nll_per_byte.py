"""How well each model predicts the texts: the negative log-likelihood of a byte, in nats.

Bytes and not tokens, so that models which cut a text into different tokens can be compared. A text counts as much as it
is long: the sum over all texts, divided by all their bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.token_divergence import ratio
from trusteq.stats.difference import minus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.comparing.answers import Pair
    from trusteq.stats.estimate import Estimate


def nll_per_byte(pair: Pair) -> dict[str, Estimate]:
    """Nats per byte of each model, candidate minus reference, and candidate over reference."""
    r, c = ((-n["log-probability"], n["bytes"]) for n in (m.outcomes.numbers for m in (pair.reference, pair.candidate)))
    if not (r[1].any() and c[1].any()):
        return {}
    what, make = "negative log-likelihood of all texts over their bytes, nats", pair.resampling.studentised
    return {
        "nll_per_byte_reference": make(ratio, *r, what=what, bounds=(0.0, np.inf)),
        "nll_per_byte_candidate": make(ratio, *c, what=what, bounds=(0.0, np.inf)),
        "nll_per_byte_difference": make(
            _difference, *r, *c, what=f"{what}, candidate minus reference", bounds=(-np.inf, np.inf)
        ),
        "nll_per_byte_ratio": make(over, *r, *c, what=f"{what}, candidate over reference", bounds=(0.0, np.inf)),
    }


def _difference(*sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return minus(ratio(sums[2], sums[3]), ratio(sums[0], sums[1]))


def over(*sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The candidate's ratio of the last two sums over the reference's of the first two [rows]."""
    reference, candidate = ratio(sums[0], sums[1]), ratio(sums[2], sums[3])
    # Of a reference that is never surprised, any surprise of the candidate is infinitely more.
    never = np.where(candidate > 0, np.inf, candidate + 1)
    return np.asarray(np.divide(candidate, reference, out=never, where=reference != 0))
