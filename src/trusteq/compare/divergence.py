"""How far the two models' probabilities are apart, item by item, in nats; needs no labels.

KL is taken both ways: from the reference it punishes what the candidate no longer thinks possible, from the candidate
what it newly does. JS is symmetric and at most log 2. Means hide the tail, so quantiles stand beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.compare.answers import PROBABILITY_FLOOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.compare.answers import Answers, Pair
    from trusteq.stats.estimate import Estimate

QUANTILES = (0.5, 0.9, 0.99, 0.999)


def divergence(pair: Pair) -> dict[str, Estimate]:
    """Mean and quantiles of KL both ways and of JS."""
    most = -float(np.log(PROBABILITY_FLOOR))
    per_item = {
        "kl_reference_candidate": (kl(pair.reference, pair.candidate), most, "KL(reference || candidate), nats"),
        "kl_candidate_reference": (kl(pair.candidate, pair.reference), most, "KL(candidate || reference), nats"),
        "js": (js(pair.reference, pair.candidate), float(np.log(2)), "Jensen-Shannon divergence, nats"),
    }
    results: dict[str, Estimate] = {}
    for name, (values, most, what) in per_item.items():
        results[name] = pair.resampling.mean(values, what=f"mean {what}")
        for q in QUANTILES:
            results[f"{name}_q{100 * q:g}"] = pair.resampling.quantile(
                values, q, what=f"{100 * q:g} % quantile, {what}", bounds=(0.0, most)
            )
    return results


def kl(p: Answers, q: Answers) -> NDArray[np.float64]:
    """KL(p || q) of each item [items], in nats; logarithms floored."""
    return _nonnegative((p.probabilities * (p.log_probabilities - q.log_probabilities)).sum(axis=1))


def js(p: Answers, q: Answers) -> NDArray[np.float64]:
    """Jensen-Shannon divergence of each item [items], in nats."""
    half = np.log(np.maximum((p.probabilities + q.probabilities) / 2, 1e-300))
    entropy_p = (p.probabilities * np.log(np.maximum(p.probabilities, 1e-300))).sum(axis=1)
    entropy_q = (q.probabilities * np.log(np.maximum(q.probabilities, 1e-300))).sum(axis=1)
    mixed = ((p.probabilities + q.probabilities) / 2 * half).sum(axis=1)
    return np.minimum(_nonnegative((entropy_p + entropy_q) / 2 - mixed), np.log(2))


def _nonnegative(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divergences cannot be negative; rounding can make them so."""
    return np.maximum(x, 0.0)
