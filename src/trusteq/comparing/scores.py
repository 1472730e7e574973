"""Proper scores: they reward both accuracy and calibration; lower is better.

A more accurate model may score worse than a better calibrated one; `corp` separates the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.stats.difference import minus
from trusteq.stats.rows import by_parts, floored_log, row_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers, Pair
    from trusteq.stats.estimate import Estimate

BRIER_SCALE = "Brier score, sum over labels, 0 to 2 (half of it is the binary score of two labels)"


def scores(pair: Pair) -> dict[str, Estimate]:
    """Brier score and negative log likelihood of each model, and candidate minus reference."""
    values: dict[str, tuple[NDArray[np.float64], str]] = {}
    for name, of, what in (
        ("brier", brier, BRIER_SCALE),
        ("nll", nll, "negative log likelihood, nats, probabilities floored at 1e-12"),
    ):
        reference, candidate = of(pair.reference), of(pair.candidate)
        values |= {
            f"{name}_reference": (reference, what),
            f"{name}_candidate": (candidate, what),
            f"{name}_difference": (minus(candidate, reference, terms=1.0), f"{what}, candidate minus reference"),
        }
    return pair.resampling.means(values)


def brier(answers: Answers) -> NDArray[np.float64]:
    """Each item's Brier score [items]: squared distances from the gold label's one-hot, summed over labels."""
    squares = by_parts(lambda p: row_sums(np.square(p)), answers.probabilities)
    return np.asarray(squares - 2 * _of_gold(answers) + 1)


def nll(answers: Answers) -> NDArray[np.float64]:
    """Each item's negative log likelihood [items], in nats."""
    return -floored_log(_of_gold(answers))


def _of_gold(answers: Answers) -> NDArray[np.float64]:
    """The gold label's probability [items]."""
    assert answers.gold is not None  # noqa: S101 - not computed without labels
    return np.take_along_axis(answers.probabilities, answers.gold[:, None], axis=1)[:, 0]
