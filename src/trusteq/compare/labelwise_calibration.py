"""Calibration label by label: a model can be calibrated on the whole and wrong about one answer."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np

from trusteq.compare.answers import WIDE_EDGES, Answers, wide_bin
from trusteq.compare.binned_calibration import ece
from trusteq.compare.noise_bias import Forecasts, Observed, estimates, forecasts, noise_correction

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
        results |= estimates(name, of(pair.reference), of(pair.candidate), pair.resampling, what=what)
    return results


def top_label(answers: Answers) -> Observed:
    """ECE within each answered label, weighted by its items."""
    bins = wide_bin(answers.confidence)
    total, draws, cells = 0.0, np.zeros(answers.resampling.resamples), []
    for label in np.unique(answers.answer):
        inside = answers.answer == label
        (gap,) = answers.resampling.cell_sums(bins, BINS, inside * (answers.confidence - answers.right))
        total += float(np.abs(gap.total).sum())
        draws += np.abs(gap.draws).sum(axis=1)
        of_label = answers.confidence[inside], answers.right[inside], bins[inside]
        cells.append(forecasts(*of_label, BINS, worth=answers.worth))
    return _observed(total / len(bins), draws / answers.fine_counts.draws.sum(axis=1), cells, answers)


def classwise(answers: Answers) -> Observed:
    """Mean over labels of the ECE of the label's own probability."""
    total, draws, cells = 0.0, np.zeros(answers.resampling.resamples), []
    for label in range(answers.label_count):
        probability = answers.probabilities[:, label]
        hit = np.asarray(answers.gold == label)
        cell = wide_bin(probability)
        count, confidence, right = answers.resampling.cell_sums(
            cell, BINS, np.ones(len(hit)), probability, hit.astype(np.float64)
        )
        total += float(ece(count.total[None], confidence.total[None], right.total[None])[0])
        draws += ece(count.draws, confidence.draws, right.draws)
        cells.append(forecasts(probability, hit, cell, BINS, worth=answers.resampling.worth(probability - hit)))
    return _observed(total / answers.label_count, draws / answers.label_count, cells, answers)


def _observed(value: float, draws: NDArray[np.float64], cells: list[Forecasts], answers: Answers) -> Observed:
    """Over the bins of all labels together, both errors are the plain ECE."""
    together = Forecasts(*map(np.concatenate, zip(*(astuple(c) for c in cells), strict=True)))
    return Observed(
        value,
        draws,
        noise_correction(together, ece, seed=answers.resampling.seed, largest=float(draws.max())),
    )
