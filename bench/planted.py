"""Pairs of models whose true relation is known, as probabilities on simulated items.

A latent truth gives every item its label probabilities, and gold labels are drawn from them. A model sees the
truth's logits through noise of its own and a temperature: noise costs it accuracy and answers, temperature
costs it calibration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.answers import Answers, Pair
from trusteq.data.predictions import softmax
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Plant:
    """How two simulated models differ: each one's noise and sharpness (1 / temperature)."""

    spread: float = 3.0
    shared_noise: float = 0.5
    reference_noise: float = 0.3
    candidate_noise: float = 0.3
    reference_sharpness: float = 1.3
    candidate_sharpness: float = 1.3
    labels: int = 3


UNLIKE = Plant(candidate_noise=0.8, candidate_sharpness=1.0)
"""The reference is too sure; the candidate is noisier and less sharp."""

CALM = Plant(
    shared_noise=0.3, reference_noise=0.1, candidate_noise=0.1, reference_sharpness=1.0, candidate_sharpness=1.0
)
"""Both are nearly calibrated and see the same truth through noise of the same size."""


def draw(plant: Plant, n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities of reference and candidate [n, labels] and gold codes [n]."""
    rng = np.random.default_rng(seed)
    shape = (n, plant.labels)
    truth = rng.normal(size=shape) * plant.spread
    gold = (truth + rng.gumbel(size=shape)).argmax(axis=1)
    seen = truth + rng.normal(size=shape) * plant.shared_noise
    reference = softmax((seen + rng.normal(size=shape) * plant.reference_noise) * plant.reference_sharpness)
    candidate = softmax((seen + rng.normal(size=shape) * plant.candidate_noise) * plant.candidate_sharpness)
    return reference, candidate, gold


def pair(plant: Plant, n: int, seed: int, *, resamples: int = 2_000) -> Pair:
    """The pair on n items, ready to measure."""
    reference, candidate, gold = draw(plant, n, seed)
    resampling = Resampling(n, resamples=resamples, seed=seed)
    return Pair(*(Answers(most_probable(p, gold), resampling) for p in (reference, candidate)))
