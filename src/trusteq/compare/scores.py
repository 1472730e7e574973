"""Proper scores: they reward both being right and knowing how sure to be; lower is better.

A more accurate model may score worse than a better calibrated one; `corp` tells the two apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.compare.answers import Answers, Pair
    from trusteq.stats.estimate import Estimate

BRIER_SCALE = "Brier score, sum over labels, 0 to 2 (half of it is the binary score of two labels)"


def scores(pair: Pair) -> dict[str, Estimate]:
    """Brier score and negative log likelihood of each model, and candidate minus reference."""
    if pair.gold is None:
        return {}
    mean = pair.resampling.mean
    results: dict[str, Estimate] = {}
    for name, of, what in (
        ("brier", brier, BRIER_SCALE),
        ("nll", nll, "negative log likelihood, nats, probabilities floored at 1e-12"),
    ):
        reference, candidate = of(pair.reference), of(pair.candidate)
        results |= {
            f"{name}_reference": mean(reference, what=what),
            f"{name}_candidate": mean(candidate, what=what),
            f"{name}_difference": mean(candidate - reference, what=f"{what}, candidate minus reference"),
        }
    return results


def brier(answers: Answers) -> NDArray[np.float64]:
    """Each item's Brier score [items]: squared distances from the gold label's one-hot, summed over labels."""
    p = answers.probabilities
    return np.asarray(np.square(p).sum(axis=1) - 2 * _of_gold(p, answers.gold) + 1)


def nll(answers: Answers) -> NDArray[np.float64]:
    """Each item's negative log likelihood [items], in nats."""
    return -_of_gold(answers.log_probabilities, answers.gold)


def _of_gold(values: NDArray[np.float64], gold: NDArray[np.int64] | None) -> NDArray[np.float64]:
    assert gold is not None  # noqa: S101 - not asked without labels
    return np.take_along_axis(values, gold[:, None], axis=1)[:, 0]
