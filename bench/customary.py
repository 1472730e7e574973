"""What is customarily done to tell whether a compressed model is as good: each says "different" or "equal"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from trusteq.stats.paired_tests import mcnemar

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ALPHA = 0.05


@dataclass(frozen=True)
class Sample:
    """Both models' answers [items, labels], the gold labels, and the LIME top-10 Jaccard of the explained items."""

    reference: NDArray[np.float64]
    candidate: NDArray[np.float64]
    gold: NDArray[np.int64]
    jaccard: NDArray[np.float64] | None

    def right(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return tuple(p.argmax(axis=1) == self.gold for p in (self.reference, self.candidate))


def unpaired(sample: Sample) -> bool:
    """z-test of two accuracies as if they came from different items."""
    a, b = (right.mean() for right in sample.right())
    pooled = (a + b) / 2
    error = np.sqrt(2 * pooled * (1 - pooled) / len(sample.gold))
    return bool(error > 0 and 2 * stats.norm.sf(abs(a - b) / error) < ALPHA)


def paired(sample: Sample) -> bool:
    """McNemar's test alone."""
    return bool(mcnemar(*sample.right()).p_value < ALPHA)


def accuracy_drop(sample: Sample) -> bool:
    """More than one point of accuracy lost, as it comes out."""
    a, b = (right.mean() for right in sample.right())
    return bool(a - b > 0.01)


def flips(sample: Sample) -> bool:
    """More than 5 % of the answers changed, as it comes out."""
    return bool((sample.reference.argmax(axis=1) != sample.candidate.argmax(axis=1)).mean() > 0.05)


def divergence(sample: Sample) -> bool:
    """Mean Kullback-Leibler divergence above 0.05, about what llama.cpp prints for 3-bit weights."""
    p, q = (np.maximum(x, 1e-12) for x in (sample.reference, sample.candidate))
    return bool((p * np.log(p / q)).sum(axis=1).mean() > 0.05)


def calibration(sample: Sample) -> bool:
    """ECE of ten equal bins higher by more than 0.02, as it comes out."""
    return bool(_ece(sample.candidate, sample.gold) - _ece(sample.reference, sample.gold) > 0.02)


def explanation(sample: Sample) -> bool:
    """The paper's: mean Jaccard of the LIME top 10 below 0.7, chance and noise left in."""
    return bool(sample.jaccard is not None and sample.jaccard.mean() < 0.7)


METHODS: dict[str, Callable[[Sample], bool]] = {
    "z-test": unpaired,
    "McNemar": paired,
    "accuracy": accuracy_drop,
    "flips": flips,
    "KL": divergence,
    "ECE": calibration,
    "Jaccard": explanation,
}


def _ece(p: NDArray[np.float64], gold: NDArray[np.int64]) -> float:
    sure, right = p.max(axis=1), p.argmax(axis=1) == gold
    cell = np.minimum((sure * 10).astype(int), 9)
    return float(sum(abs(right[cell == b].sum() - sure[cell == b].sum()) for b in range(10)) / len(gold))
