"""Calibration label by label: a model can be calibrated overall and miscalibrated for one label."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.binned_calibration import ece
from trusteq.comparing.bins import WIDE_EDGES, wide_bin
from trusteq.comparing.noise_bias import Forecasts, Observed, estimates, forecasts, noise_correction, smooth_accuracy
from trusteq.stats.resampling import Cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers, Pair
    from trusteq.stats.estimate import Estimate

BINS = len(WIDE_EDGES) - 1
AT_ONCE = 8
"""Number of labels whose sums are resampled together."""


def labelwise_calibration(pair: Pair) -> dict[str, Estimate]:
    """Top-label ECE (given the answer) and classwise ECE (of each label's own probability), with differences."""
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
        results |= estimates(name, pair.reference.cached(of), pair.candidate.cached(of), pair.resampling, what=what)
    return results


def top_label(answers: Answers) -> Observed:
    """ECE within each answered label, weighted by its items."""
    bins = wide_bin(answers.confidence)
    residual = answers.confidence - answers.right
    total, draws, cells = 0.0, np.zeros(answers.resampling.resamples), []
    for labels in _batches(np.unique(answers.answer)):
        gaps = answers.resampling.sums(Cells(bins, BINS, (answers.answer == label) * residual) for label in labels)
        for label, gap in zip(labels, gaps, strict=True):
            total += float(np.abs(gap.total).sum())
            draws += np.abs(gap.draws).sum(axis=1)
            inside = answers.answer == label
            of_label = answers.confidence[inside], answers.right[inside], bins[inside]
            fitted = smooth_accuracy(*of_label[:2], answers.fine_cell[inside])
            cells.append(forecasts(*of_label, BINS, worth=answers.worth, fitted=fitted))
    return _observed(total / len(bins), draws / answers.fine_counts.draws.sum(axis=1), cells, answers)


def classwise(answers: Answers) -> Observed:
    """Mean over labels of the ECE of the label's own probability."""
    total, draws, cells = 0.0, np.zeros(answers.resampling.resamples), []
    for labels in _batches(np.arange(answers.label_count)):
        terms = [_of_label(answers, label) for label in labels]
        sums = answers.resampling.sums(cells for of_label in terms for cells in of_label)
        of_labels = zip(terms, sums[::3], sums[1::3], sums[2::3], strict=True)
        for (_, probability, hit), count, confidence, right in of_labels:
            total += float(ece(count.total[None], confidence.total[None], right.total[None])[0])
            draws += ece(count.draws, confidence.draws, right.draws)
            worth = answers.resampling.worth(probability.x - hit.x)
            cells.append(forecasts(probability.x, hit.x, hit.cell, BINS, worth=worth))
    return _observed(total / answers.label_count, draws / answers.label_count, cells, answers)


def _of_label(answers: Answers, label: int) -> tuple[Cells, Cells, Cells]:
    """What is summed in the bins of a label's own probability: items, that probability, and hits."""
    probability, hit = answers.probabilities[:, label], np.asarray(answers.gold == label)
    cell = wide_bin(probability)
    return Cells(cell, BINS, np.ones_like(hit)), Cells(cell, BINS, probability), Cells(cell, BINS, hit)


def _batches(labels: NDArray[np.int64]) -> Iterator[list[int]]:
    """The labels in batches, so small that their sums by unit take little memory."""
    for start in range(0, len(labels), AT_ONCE):
        yield labels[start : start + AT_ONCE].tolist()


def _observed(value: float, draws: NDArray[np.float64], cells: list[Forecasts], answers: Answers) -> Observed:
    """The errors with their noise correction: over the bins of all labels together, both are the plain ECE."""
    joined = Forecasts(*map(np.concatenate, zip(*(astuple(c) for c in cells), strict=True)))
    return Observed(
        value,
        draws,
        noise_correction(joined, ece, seed=answers.resampling.seed, largest=float(draws.max())),
    )
