"""Accuracy and calibration as the published scripts for vision transformers count them, flaws included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.bins import wide_bin
from trusteq.stats.estimate import Estimate  # noqa: TC001 - returned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers, Pair
    from trusteq.stats.resampling import Sums

BINS = 10


def half_open_calibration(pair: Pair) -> dict[str, Estimate]:
    """ECE over 10 bins [a, b) of equal width, the last one open, too: a confidence of 1 is in no bin, but counted in n.

    The scripts' confidences have 32 bits, in which those closer to 1 than 3e-8 are exactly 1.
    """
    resampling, what = pair.resampling, "ECE, 10 bins [a, b), a confidence of exactly 1 in none of them"
    sums = [_sums(answers) for answers in (pair.reference, pair.candidate)]

    def difference(*parts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(_ece(*parts[3:]) - _ece(*parts[:3]))

    estimates = {
        f"ece_half_open_{side}": resampling.functional(_ece, *own, what=what, bounds=(0.0, 1.0))
        for side, own in zip(("reference", "candidate"), sums, strict=True)
    }
    of_difference = f"{what}, candidate minus reference"
    estimates["ece_half_open_difference"] = resampling.functional(
        difference, *sums[0], *sums[1], what=of_difference, bounds=(-1.0, 1.0)
    )
    return estimates


def _sums(answers: Answers) -> tuple[Sums, ...]:
    """Number, confidence and right answers within each bin; those of confidence 1 come last."""
    confidence = answers.confidence
    cell = np.where(confidence.astype(np.float32) >= 1, BINS, wide_bin(confidence))
    return answers.resampling.cell_sums(cell, BINS + 1, np.ones(len(cell)), confidence, answers.right)


def _ece(
    count: NDArray[np.float64], confidence: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(np.abs(confidence - right)[:, :BINS].sum(axis=1) / count.sum(axis=1))


def top5_accuracy(pair: Pair) -> dict[str, Estimate]:
    """Share of items whose gold label is among the five most probable ones; nothing if there are no more than five."""
    if pair.reference.label_count <= 5:
        return {}
    reference, candidate = (_in_top5(answers) for answers in (pair.reference, pair.candidate))
    share, what = pair.resampling.share, "gold label among the five most probable"
    estimates = {
        "accuracy_top5_reference": share(reference, what=what),
        "accuracy_top5_candidate": share(candidate, what=what),
        "accuracy_top5_difference": pair.resampling.share_difference(
            reference, candidate, what=f"{what}, candidate minus reference"
        ),
    }
    return {name: estimate for name, estimate in estimates.items() if estimate is not None}


def _in_top5(answers: Answers) -> NDArray[np.bool_]:
    """Whether fewer than five labels come before the gold one [items]; of equal ones the earlier comes first."""
    gold, probabilities = answers.gold, answers.probabilities
    assert gold is not None  # noqa: S101 - only with labels
    own = np.take_along_axis(probabilities, gold[:, None], axis=1)
    earlier = np.arange(probabilities.shape[1]) < gold[:, None]
    before = (probabilities > own) | ((probabilities == own) & earlier)
    return np.asarray(before.sum(axis=1) < 5)
