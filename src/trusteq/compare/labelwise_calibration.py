"""Calibration label by label: a model can be calibrated on the whole and wrong about one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.compare.answers import WIDE_EDGES, Answers, wide_bin
from trusteq.compare.binned_calibration import ece

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.compare.answers import Pair
    from trusteq.stats.estimate import Estimate

BINS = len(WIDE_EDGES) - 1


def labelwise_calibration(pair: Pair) -> dict[str, Estimate]:
    """Top-label ECE (given the answer) and classwise ECE (of every label's own probability), with differences."""
    if pair.gold is None:
        return {}
    results: dict[str, Estimate] = {}
    for name, of, what in (
        (
            "top_label_ece",
            top_label,
            "ECE within each answered label, weighted by items (Gupta and Ramdas 2022)",
        ),
        (
            "classwise_ece",
            classwise,
            "mean over labels of the ECE of the label's probability (Kull et al. 2019)",
        ),
    ):
        (r, r_draws), (c, c_draws) = of(pair.reference), of(pair.candidate)
        make = pair.resampling.from_draws
        results |= {
            f"{name}_reference": make(r, r_draws, what=what, bounds=(0.0, 1.0)),
            f"{name}_candidate": make(c, c_draws, what=what, bounds=(0.0, 1.0)),
            f"{name}_difference": make(c - r, c_draws - r_draws, what=f"{what}, candidate minus reference"),
        }
    return results


def top_label(answers: Answers) -> tuple[float, NDArray[np.float64]]:
    """ECE within each answered label, weighted by its items: the value and its draws [resamples]."""
    bins = wide_bin(answers.confidence)
    total, draws = 0.0, np.zeros(answers.resampling.resamples)
    for label in np.unique(answers.answer):
        inside = (answers.answer == label).astype(np.float64)
        (gap,) = answers.resampling.cell_sums(bins, BINS, inside * (answers.confidence - answers.right))
        total += float(np.abs(gap.total).sum())
        draws += np.abs(gap.draws).sum(axis=1)
    return total / len(bins), draws / answers.fine_counts.draws.sum(axis=1)


def classwise(answers: Answers) -> tuple[float, NDArray[np.float64]]:
    """Mean over labels of the ECE of the label's own probability: the value and its draws [resamples]."""
    total, draws = 0.0, np.zeros(answers.resampling.resamples)
    for label in range(answers.label_count):
        probability = answers.probabilities[:, label]
        hit = np.asarray(answers.gold == label, dtype=np.float64)
        cell = wide_bin(probability)
        count, confidence, right = answers.resampling.cell_sums(cell, BINS, np.ones(len(hit)), probability, hit)
        total += float(ece(count.total[None], confidence.total[None], right.total[None])[0])
        draws += ece(count.draws, confidence.draws, right.draws)
    return total / answers.label_count, draws / answers.label_count
