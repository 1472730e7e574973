"""The table of scores for the agreement of two explanations of an item. A new score is a function and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.ranks import chance_rbo, pairwise_rank_agreement, rbo, signed_spearman, spearman
from trusteq.comparing.top_k import (
    chance_feature_agreement,
    chance_jaccard,
    chance_rank_agreement,
    feature_agreement,
    jaccard,
    rank_agreement,
    sign_agreement,
    signed_rank_agreement,
    top_k,
)
from trusteq.comparing.weight_similarity import cosine, weighted_jaccard

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Count = int | NDArray[np.int64]
    ScoreFunction = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], Count], NDArray[np.float64]]
    WithoutK = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]
    ChanceByLength = Callable[[NDArray[np.int64]], NDArray[np.float64]]
    Chance = Callable[[NDArray[np.int64], Count], NDArray[np.float64]]


@dataclass(frozen=True)
class Score:
    """A score of how far two explanations agree, item by item.

    of: ``of(a, b, lengths, k)``, with attributions [items, units], numbers of units [items] and k, returns scores
    [items]. uses_k: whether the score uses only the top k; otherwise k is ignored. chance: ``chance(lengths, k)``
    returns the expected score [items] if the units of one explanation are shuffled; exact if no two are tied. None if
    it depends on the attributions themselves.
    """

    of: ScoreFunction
    uses_k: bool
    chance: Chance | None = None


def _top_jaccard(
    a: NDArray[np.float64], b: NDArray[np.float64], lengths: NDArray[np.int64], k: Count
) -> NDArray[np.float64]:
    return jaccard(top_k(a, lengths, k), top_k(b, lengths, k))


def _all_units(score: WithoutK, chance: ChanceByLength | None = None) -> Score:
    """A score of all units, which does not use k."""
    without_k = None if chance is None else lambda lengths, _k: chance(lengths)
    return Score(lambda a, b, lengths, _k: score(a, b, lengths), uses_k=False, chance=without_k)


def _constant(value: float) -> ChanceByLength:
    """The same chance level for all items with two units or more."""
    return lambda lengths: np.where(lengths > 1, value, np.nan)


SCORES: dict[str, Score] = {
    "jaccard": Score(_top_jaccard, uses_k=True, chance=chance_jaccard),
    "feature_agreement": Score(feature_agreement, uses_k=True, chance=chance_feature_agreement),
    "rank_agreement": Score(rank_agreement, uses_k=True, chance=chance_rank_agreement),
    "sign_agreement": Score(sign_agreement, uses_k=True),
    "signed_rank_agreement": Score(signed_rank_agreement, uses_k=True),
    "pairwise_rank_agreement": _all_units(pairwise_rank_agreement, _constant(0.5)),
    "spearman": _all_units(spearman, _constant(0.0)),
    "signed_spearman": _all_units(signed_spearman, _constant(0.0)),
    "rbo": _all_units(rbo, chance_rbo),
    "cosine": _all_units(cosine),
    "weighted_jaccard": _all_units(weighted_jaccard),
}
