"""How far apart the two models' probabilities of the next token are, in nats, beside the reference's own noise.

KL(reference || candidate) penalises what the candidate no longer expects, KL(candidate || reference) what it newly
does. The reference run in another way differs from itself, too: its *floor*. What a candidate has in excess of it is
judged.

The tokens of a document resemble each other, so documents are resampled, never tokens. A mean over tokens gives long
documents more weight; the mean over documents gives each the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from trusteq.comparing.answers import Pair
    from trusteq.stats.estimate import Estimate

QUANTILES = (0.5, 0.9, 0.99, 0.999)
EQUAL_WEIGHTS = "every token has the same weight"

DIRECTIONS = {
    "token_kl": ("kl-from-reference", "KL(reference || candidate) of the next token"),
    "token_kl_to_reference": ("kl-to-reference", "KL(candidate || reference) of the next token"),
}
"""By measure, the number of outcomes that it is the mean of, and what that is."""
BOUNDS = {
    "token_kl_at_least": (
        "kl-at-least",
        "certified lower bound of KL(reference || candidate) of the next token, from the most probable ones",
    ),
    "token_kl_to_reference_at_least": (
        "kl-to-reference-at-least",
        "certified lower bound of KL(candidate || reference) of the next token, from the most probable ones",
    ),
}
"""The same where only the reference's most probable tokens are known."""


def token_divergence(pair: Pair) -> dict[str, Estimate]:
    """KL in both directions: mean, the reference's floor, the excess over it, quantiles, and mean over documents."""
    return _measured(pair, DIRECTIONS, "token_tail")


def token_bounds(pair: Pair) -> dict[str, Estimate]:
    """Lower bounds of the same."""
    return _measured(pair, BOUNDS, "token_kl_at_least_tail")


def _measured(pair: Pair, directions: Mapping[str, tuple[str, str]], tail: str) -> dict[str, Estimate]:
    r, c = (model.outcomes.numbers for model in (pair.reference, pair.candidate))
    results: dict[str, Estimate] = {}
    for name, (number, what) in directions.items():
        kl, floor, less = c[number], r[number], "that of the reference against itself"
        results[name] = mean_by_token(pair, kl, what=f"{what}, nats")
        if np.isnan(floor).any():
            floor, less = np.zeros(len(kl)), f"{less}, which is not known and taken as 0"
        else:
            results[f"{name}_floor"] = mean_by_token(pair, floor, what=f"{what}, nats, of the reference against itself")
        excess = f"{what}, nats, less {less}"
        results[f"{name}_excess"] = mean_by_token(pair, kl - floor, what=excess, lowest=-np.inf)
        results[f"{name}_by_document"] = mean_by_document(pair, kl, what=f"{what}, nats")
        quantiles = {
            f"{name}_q{100 * q:g}": (q, f"{100 * q:g} % quantile over tokens, {what}, nats") for q in QUANTILES
        }
        results |= pair.resampling.quantiles(kl, quantiles, bounds=(0.0, np.inf))
    results[tail] = pair.resampling.mean(
        c["tail"], what="mean share of the reference's probability that was not compared token by token"
    )
    return results


def mean_by_token(pair: Pair, x: NDArray[np.float64], *, what: str, lowest: float = 0.0) -> Estimate:
    """The mean of ``x`` [tokens]: the sum over documents divided by their number of tokens."""
    return pair.resampling.studentised(
        ratio, x, np.ones(len(x)), what=f"mean {what}; {EQUAL_WEIGHTS}", bounds=(lowest, np.inf)
    )


def mean_by_document(pair: Pair, x: NDArray[np.float64], *, what: str) -> Estimate:
    """The mean over documents of the mean over a document's tokens of ``x`` [tokens], which is not negative."""
    item = pair.reference.outcomes.item
    assert item is not None  # noqa: S101 - tokens belong to documents
    weight = 1 / np.bincount(item)[item]
    return pair.resampling.studentised(
        ratio, x * weight, weight, what=f"mean over documents of a document's mean {what}", bounds=(0.0, np.inf)
    )


def ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """One sum [rows, 1] over the other [rows, 1]; NaN where no token is left [rows]."""
    n, d = numerator[:, 0], denominator[:, 0]
    return np.asarray(np.divide(n, d, out=np.full(len(n), np.nan), where=d > 0))
