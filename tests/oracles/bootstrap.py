"""The bootstrap as told: write down the resampled items one by one, and compute the figure on them."""

from __future__ import annotations

import numpy as np


def draws(resampling, statistic):
    """``statistic(positions)`` for every resample; positions repeat an item as often as its unit was drawn."""
    result = []
    for counts in resampling.counts:
        positions = []
        for unit, times in enumerate(counts):
            for _ in range(int(times)):
                positions.extend(np.flatnonzero(resampling.unit == unit).tolist())
        result.append(statistic(np.array(positions)))
    return np.array(result)
