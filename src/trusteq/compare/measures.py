"""The table of measures. A new one is one new file and one line here."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from trusteq.compare.answers import Answers, Pair
from trusteq.compare.behaviour import accuracy, agreement, flips
from trusteq.compare.binned_calibration import binned_calibration
from trusteq.compare.confidence import confidence_profiles, overconfidence
from trusteq.compare.corp import corp
from trusteq.compare.divergence import divergence
from trusteq.compare.labelwise_calibration import labelwise_calibration
from trusteq.compare.nuclear import nuclear_norm
from trusteq.compare.scores import scores
from trusteq.compare.selective import selective_prediction
from trusteq.compare.smooth_calibration import smooth_calibration
from trusteq.compare.temperature import Remedy, remedy
from trusteq.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.stats.estimate import Estimate

MEASURES: dict[str, tuple[Callable[[Pair], dict[str, Estimate]], ...]] = {
    "behaviour": (accuracy, agreement, flips, divergence, nuclear_norm),
    "calibration": (
        smooth_calibration,
        binned_calibration,
        labelwise_calibration,
        scores,
        corp,
        overconfidence,
        confidence_profiles,
        selective_prediction,
    ),
}

# What one temperature can change, and a policy is likely to ask about; measured again after each remedy.
_AFTER_REMEDY = (smooth_calibration, binned_calibration, scores, overconfidence, confidence_profiles)


def measure(pair: Pair) -> dict[str, dict[str, Estimate]]:
    """Every measure that the pair allows, by dimension and name; without labels those that need none."""
    return {
        dimension: {name: e for group in groups for name, e in pair.measured(group).items()}
        for dimension, groups in MEASURES.items()
    }


def measure_remedies(pair: Pair) -> dict[str, Estimate]:
    """Each target's temperature, and the calibration measures of the candidate after it, suffixed with the target."""
    results: dict[str, Estimate] = {}
    for target in ("recalibrated", "matched"):
        if target == "recalibrated" and pair.gold is None:
            continue
        results |= {f"{name}_{target}": estimate for name, estimate in _after(remedy(pair, target)).items()}
    return results


def _after(mended: Remedy) -> dict[str, Estimate]:
    """The temperature and what it leaves of the candidate's measures."""
    found = {"temperature": mended.temperature}
    for group in _AFTER_REMEDY:
        found |= {name: e for name, e in mended.pair.measured(group).items() if not name.endswith("_reference")}
    return found


@cache
def measure_names() -> dict[str, tuple[str, ...]]:
    """The names of all measures by dimension, asked from the measures themselves."""
    gold = np.array([0, 1] * 4)
    p = np.linspace(0.1, 0.9, 8)
    answers = Answers(np.stack([p, 1 - p], axis=1), gold, Resampling(8, resamples=2))
    return {dimension: tuple(names) for dimension, names in measure(Pair(answers, answers)).items()}
