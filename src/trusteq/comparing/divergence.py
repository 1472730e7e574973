"""The distance of the two models' probabilities, item by item, in nats; needs no labels.

KL is computed in both directions: KL(reference || candidate) penalises what the candidate no longer considers possible,
KL(candidate || reference) what it newly does. JS is symmetric and at most log 2. Means hide the tail, so quantiles are
measured too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.stats.rows import PROBABILITY_FLOOR, by_parts, floored_log, row_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers, Pair
    from trusteq.stats.estimate import Estimate

QUANTILES = (0.5, 0.9, 0.99, 0.999)


def divergence(pair: Pair) -> dict[str, Estimate]:
    """Mean and quantiles of KL in both directions and of JS."""
    max_kl = -float(np.log(PROBABILITY_FLOOR))
    per_item = {
        "kl_reference_candidate": (kl(pair.reference, pair.candidate), max_kl, "KL(reference || candidate), nats"),
        "kl_candidate_reference": (kl(pair.candidate, pair.reference), max_kl, "KL(candidate || reference), nats"),
        "js": (js(pair.reference, pair.candidate), float(np.log(2)), "Jensen-Shannon divergence, nats"),
    }
    means = pair.resampling.means({name: (values, f"mean {what}") for name, (values, _, what) in per_item.items()})
    results: dict[str, Estimate] = {}
    for name, (values, largest, what) in per_item.items():
        results[name] = means[name]
        quantiles = {f"{name}_q{100 * q:g}": (q, f"{100 * q:g} % quantile, {what}") for q in QUANTILES}
        results |= pair.resampling.quantiles(values, quantiles, bounds=(0.0, largest))
    return results


def kl(p: Answers, q: Answers) -> NDArray[np.float64]:
    """KL(p || q) of each item [items], in nats; logarithms are floored."""
    return by_parts(_kl, p.probabilities, q.probabilities)


def _kl(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    return _nonnegative(row_sums(p * (floored_log(p) - floored_log(q))))


def js(p: Answers, q: Answers) -> NDArray[np.float64]:
    """Jensen-Shannon divergence of each item [items], in nats."""
    return by_parts(_js, p.probabilities, q.probabilities)


def _js(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    half, entropy_p, entropy_q = (p + q) / 2, _negative_entropy(p), _negative_entropy(q)
    return np.minimum(_nonnegative((entropy_p + entropy_q) / 2 - _negative_entropy(half)), np.log(2))


def _negative_entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return row_sums(p * np.log(np.maximum(p, 1e-300)))


def _nonnegative(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divergences cannot be negative; rounding can make them so."""
    return np.maximum(x, 0.0)
