"""What the candidate makes of the tokens that the reference and the text itself chose.

Same top: at how many tokens the reference's most probable one is also the candidate's. Change of probability: of the
token that stands in the text, candidate minus reference; its mean is 0 if as much is gained as lost, its root mean
square is not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.token_divergence import EQUAL_WEIGHTS, mean_by_document, mean_by_token

if TYPE_CHECKING:
    from trusteq.comparing.answers import Pair
    from trusteq.stats.estimate import Estimate

QUANTILES = (0.01, 0.05, 0.5, 0.95, 0.99)


def same_top(pair: Pair) -> dict[str, Estimate]:
    """The share of tokens at which both models find the same one most probable."""
    same = pair.reference.answer == pair.candidate.answer
    estimate = pair.resampling.share(same, what=f"tokens whose most probable one is the reference's; {EQUAL_WEIGHTS}")
    assert estimate is not None  # noqa: S101 - None only for no tokens
    by_document = mean_by_document(pair, same.astype(np.float64), what="share of such tokens")
    return {"same_top": estimate, "same_top_by_document": replace(by_document, high=min(by_document.high, 1.0))}


def token_probability(pair: Pair) -> dict[str, Estimate]:
    """Mean, root mean square and quantiles of the change of probability of the text's own tokens."""
    r, c = (model.outcomes.numbers["own-probability"] for model in (pair.reference, pair.candidate))
    change, what = c - r, "change of probability of the text's own token, candidate minus reference"
    make = pair.resampling
    squared = mean_by_token(pair, change**2, what=f"square of the {what}")
    value, low, high = (float(np.sqrt(max(x, 0.0))) for x in (squared.value, squared.low, squared.high))
    quantiles = {
        f"token_probability_change_q{100 * q:g}": (q, f"{100 * q:g} % quantile over tokens, {what}") for q in QUANTILES
    }
    return {
        "token_probability_change": make.mean(change, what=f"mean {what}; {EQUAL_WEIGHTS}"),
        "token_probability_change_rms": replace(
            squared, value=value, low=low, high=min(high, 1.0), method=f"root of the {squared.method}"
        ),
        **make.quantiles(change, quantiles, bounds=(-1.0, 1.0)),
    }
