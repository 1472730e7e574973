"""Correction for many tests at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values (1979): below alpha they keep the chance of any false alarm at alpha."""
    from statsmodels.stats.multitest import multipletests

    if not p_values:
        return []
    return [float(p) for p in multipletests(np.asarray(p_values, dtype=np.float64), method="holm")[1]]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's q-values (1995): among those below alpha, at most a share alpha is expected false.

    Proven for tests that are independent or depend on each other positively.
    """
    from statsmodels.stats.multitest import multipletests

    if not p_values:
        return []
    return [float(q) for q in multipletests(np.asarray(p_values, dtype=np.float64), method="fdr_bh")[1]]
