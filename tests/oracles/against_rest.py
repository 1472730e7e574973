"""The p-value of a slice against the rest, item by item."""

from __future__ import annotations

import numpy as np
from scipy import special


def p_against_rest(x, inside, unit):
    """Two-sided p-value from the values [items], whether each is in the slice, and each one's unit."""
    weight = np.where(inside, 1 / inside.sum(), -1 / (~inside).sum())
    gap = x[inside].mean() - x[~inside].mean()

    def squares(values):
        return sum(values[unit == u].sum() ** 2 for u in np.unique(unit))

    separate = squares(weight * (x - np.where(inside, x[inside].mean(), x[~inside].mean())))
    centred = x - x.mean()
    spread = (centred**2).sum()
    if spread == 0:
        return 1.0
    pairs = sum((unit == u).sum() * ((unit == u).sum() - 1) for u in np.unique(unit))
    correlation = min(max((squares(centred) - spread) / spread * len(x) / pairs, 0.0), 1.0) if pairs else 0.0
    pooled = spread / len(x) * ((1 - correlation) * (weight**2).sum() + correlation * squares(weight))
    return 2 * special.ndtr(-abs(gap) / np.sqrt(max(separate, pooled)))
