"""Whether a part of the items differs from all others, in the measures that are means of per-item values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy

from trusteq.comparing import divergence, scores
from trusteq.stats.proportions import quantile_of_normal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from trusteq.comparing.answers import Pair
    from trusteq.stats.estimate import Estimate


def item_values(pair: Pair) -> dict[str, NDArray[np.float64]]:
    """The measures that are means of per-item values [items], for which a slice can be tested against the rest."""
    return dict(each_item_value(pair))


def each_item_value(pair: Pair) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The same, one after the other."""
    reference, candidate = pair.reference, pair.candidate
    yield "disagreement", (reference.answer != candidate.answer).astype(np.float64)
    if "distribution" in pair.met:
        yield "js", divergence.js(reference, candidate)
    shift = candidate.confidence - reference.confidence
    yield "confidence_shift", shift
    if pair.labelled:
        right = candidate.right.astype(np.float64) - reference.right
        yield "accuracy_difference", right
        yield "regressions", (right < 0).astype(np.float64)
        yield "overconfidence_difference", shift - right
    if pair.met >= {"labels", "distribution"}:
        yield "brier_difference", scores.brier(candidate) - scores.brier(reference)
        yield "nll_difference", scores.nll(candidate) - scores.nll(reference)


def p_against_rest(x: NDArray[np.float64], inside: NDArray[np.bool_], unit: NDArray[np.int64]) -> float:
    """Two-sided p-value that the mean of ``x`` [items] is the same inside a slice and outside, robust to clusters."""
    return ItemValues(x, unit).p_against_rest(np.flatnonzero(inside))


@dataclass(frozen=True)
class ItemValues:
    """Per-item values [items] and the unit that each item was sampled with; summed once for all of its slices."""

    x: NDArray[np.float64]
    unit: NDArray[np.int64]

    @cached_property
    def _centred(self) -> NDArray[np.float64]:
        return np.asarray(self.x - self.x.mean())

    @cached_property
    def _sums(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The sum of the centred values, and the number of items, in each unit [units]."""
        total = np.bincount(self.unit, weights=self._centred).astype(np.float64, copy=False)
        return total, np.bincount(self.unit).astype(np.float64)

    @cached_property
    def _products(self) -> tuple[float, float, float]:
        """Over all units: the squares of sums, sums times items, and the squares of items."""
        total, items = self._sums
        return float(total @ total), float(total @ items), float(items @ items)

    @cached_property
    def _variance(self) -> tuple[float, float]:
        """The variance of the values, and their correlation within units."""
        n, spread = len(self.x), float(self._centred @ self._centred)
        squares, _, items = self._products
        pairs = items - n
        correlation = (squares - spread) / spread * n / pairs if pairs and spread else 0.0
        return spread / n, min(max(correlation, 0.0), 1.0)

    def p_against_rest(self, inside: NDArray[np.int64]) -> float:
        """Two-sided p-value that the mean is the same at these positions and at all others, robust to clusters."""
        n, rest = len(inside), len(self.x) - len(inside)
        variance, correlation = self._variance
        if variance == 0:
            return 1.0
        x = self._centred[inside]
        a, b = x.mean(), -x.sum() / rest
        touched, position = np.unique(self.unit[inside], return_inverse=True)
        sums, items = np.bincount(position, weights=x), np.bincount(position).astype(np.float64)
        all_sums, all_items = (of_units[touched] for of_units in self._sums)
        squares, crossed, items_squared = self._products
        # Units without an item of the slice have only a part outside; theirs is what all units have less the others'.
        within = (sums - a * items) / n - (all_sums - sums - b * (all_items - items)) / rest
        others = squares - 2 * b * crossed + b * b * items_squared - float(np.square(all_sums - b * all_items).sum())
        separate = float(within @ within) + max(others, 0.0) / rest**2
        weights = items / n - (all_items - items) / rest
        by_unit = float(weights @ weights) + max(items_squared - float(all_items @ all_items), 0.0) / rest**2
        # A small slice that happens to have no rare event seems to have no variance; if slice and rest do not differ,
        # it has the variance of all items, with their correlation within clusters.
        pooled = variance * ((1 - correlation) * (1 / n + 1 / rest) + correlation * by_unit)
        return float(2 * scipy.special.ndtr(-abs(a - b) / np.sqrt(max(separate, pooled))))


def p_from_intervals(part: Estimate, rest: Estimate, worse: int) -> float:
    """Two-sided p-value that any measure is the same in a part as in the rest, from the two intervals; 1 if not worse.

    worse: the sign of the direction that counts. Part and rest share no item, so half-widths towards each other add up
    as squares (Zou and Donner 2008), whatever gave the intervals their length: bootstrap, correction for noise, few
    clusters. Clusters with items in both make the true spread smaller than that. A side shorter than half of the
    interval, where the correction for noise moved it, counts as half.
    """
    gap = worse * (part.value - rest.value)
    near = part.value - part.low if worse > 0 else part.high - part.value
    far = rest.high - rest.value if worse > 0 else rest.value - rest.low
    half = math.hypot(max(near, (part.high - part.low) / 2), max(far, (rest.high - rest.low) / 2))
    if not (math.isfinite(gap) and math.isfinite(half)) or gap <= 0 or half == 0:
        return 1.0
    return float(2 * scipy.special.ndtr(-gap / half * quantile_of_normal(part.level)))
