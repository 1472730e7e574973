"""Calibration errors over bins of confidence, as functions of the bins' sums.

Each bin has a gap: mean confidence minus share right. All functions take sums [rows, bins] and return [rows],
so that the same line computes a figure and its 2,000 resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.comparing.bins import WIDE_EDGES, bin_of, wide_bin
from trusteq.comparing.noise_bias import Observed, estimates, forecasts, noise_correction, smooth_accuracy_of
from trusteq.stats.difference import minus
from trusteq.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers, Pair
    from trusteq.stats.resampling import Resampling

KUMAR_BINS = 15


def ece(count: NDArray[np.float64], confidence: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected calibration error: the mean absolute gap, bins weighted by their items (Naeini et al. 2015)."""
    return np.asarray(np.abs(confidence - right).sum(axis=1) / count.sum(axis=1))


def squared_debiased(
    count: NDArray[np.float64],
    confidence: NDArray[np.float64],
    right: NDArray[np.float64],
    effect: NDArray[np.float64] | float = 1.0,
) -> NDArray[np.float64]:
    """Mean squared gap less its sampling noise: unbiased, so it may be negative (Kumar et al. 2019, Brocker 2012).

    ``effect`` [bins] is the factor by which clusters increase the noise. A bin of one item has no noise estimate and is
    left out.
    """
    has_noise = count >= 2
    safe = np.where(has_noise, count, 2.0)
    gap = np.square((confidence - right) / safe) - _noise(safe, right, effect)
    return np.asarray((np.where(has_noise, count * gap, 0.0)).sum(axis=1) / count.sum(axis=1))


def _noise(
    count: NDArray[np.float64], right: NDArray[np.float64], effect: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Estimated variance of the gap in each bin of two or more items."""
    share = right / count
    return np.asarray(share * (1 - share) / (count - 1) * effect)


def equal_mass_edges(confidence: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Edges [bins + 1] of bins with equally many items; equal confidences stay together, so there may be fewer bins.

    A bin starts with the confidence at its edge.
    """
    first = np.arange(1, bins) * len(confidence) // bins
    inner = np.partition(confidence, first)[first]
    return np.concatenate([[0.0], np.unique(inner[(inner > 0) & (inner < 1)]), [1.0]])


def quantile_edges(confidence: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Edges [bins + 1] of the quantile bins of the scripts published with the paper; equal edges count once.

    Theirs are (a, b] between numpy's interpolated quantiles, the lowest confidence in the first. Bins here are [a, b),
    so a bin ends right above its quantile.
    """
    quantiles = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)))
    return np.concatenate([[0.0], np.nextafter(quantiles[1:-1], 1.0), [1.0]])


def quantile_calibration(pair: Pair) -> dict[str, Estimate]:
    """ECE and MCE over the quantile bins of the scripts published with the paper, each with its difference."""
    return _ece_and_mce(pair, "_quantile", _over_quantiles, what="10 quantile bins as in the published scripts")


def binned_calibration(pair: Pair) -> dict[str, Estimate]:
    """The paper's ECE and MCE, the same over equal-mass bins, and the debiased error, each with its difference."""
    return {
        **_ece_and_mce(pair, "", _equal_width, what="10 equal-width bins, last closed"),
        **_ece_and_mce(pair, "_equal_mass", _equal_mass, what="10 equal-mass bins"),
        **_debiased(pair),
    }


@dataclass(frozen=True)
class _InBins:
    """A model's errors over some bins: the ECE, and the largest gap of any bin with the ends of its interval."""

    ece: Observed
    gap: tuple[float, float, float]


def _equal_width(answers: Answers) -> _InBins:
    return _in_bins(answers, WIDE_EDGES)


def _equal_mass(answers: Answers) -> _InBins:
    return _in_bins(answers, equal_mass_edges(answers.confidence, 10))


def _over_quantiles(answers: Answers) -> _InBins:
    return _in_bins(answers, quantile_edges(answers.confidence, 10))


def _in_bins(answers: Answers, edges: NDArray[np.float64]) -> _InBins:
    cell, bins = _bins(answers, edges), len(edges) - 1
    binned = answers.wide if edges is WIDE_EDGES else answers.binned(cell, bins)
    sums = binned.count, binned.confidence, binned.right
    draws = ece(*(s.draws for s in sums))
    fitted = answers.cached(smooth_accuracy_of)
    cells = forecasts(answers.confidence, answers.right, cell, bins, worth=answers.worth, fitted=fitted)
    correct = noise_correction(cells, ece, seed=answers.resampling.seed, largest=float(draws.max()))
    observed = Observed(float(ece(*(s.total[None] for s in sums))[0]), draws, correct)
    return _InBins(observed, _largest_gap(answers, edges))


def _ece_and_mce(pair: Pair, suffix: str, of: Callable[[Answers], _InBins], *, what: str) -> dict[str, Estimate]:
    """ECE and MCE of each model and candidate minus reference, on the same resamples."""
    reference, candidate = pair.reference.cached(of), pair.candidate.cached(of)
    return {
        **estimates(f"ece{suffix}", reference.ece, candidate.ece, pair.resampling, what=f"ECE, {what}"),
        **_mce(f"mce{suffix}", reference.gap, candidate.gap, pair.resampling, what=f"MCE, {what}"),
    }


def _mce(
    name: str, r: tuple[float, float, float], c: tuple[float, float, float], resampling: Resampling, *, what: str
) -> dict[str, Estimate]:
    """MCE of each model and candidate minus reference, from all bins' simultaneous intervals.

    A bin of three items can have any gap, and the largest gap is often in such a bin: no bootstrap of the maximum
    accounts for that. These intervals do, and are wide if a bin is nearly empty.
    """
    n, level, method = resampling.items, resampling.level, f"{what}; simultaneous Wilson intervals of the bins"
    of_difference = f"{method}, candidate minus reference"
    return {
        f"{name}_reference": Estimate(*r, n, method, level),
        f"{name}_candidate": Estimate(*c, n, method, level),
        f"{name}_difference": Estimate(float(minus(c[0], r[0])), c[1] - r[2], c[2] - r[1], n, of_difference, level),
    }


def _largest_gap(answers: Answers, edges: NDArray[np.float64]) -> tuple[float, float, float]:
    """The largest gap of any bin, and the ends of its interval."""
    cell = _bins(answers, edges)
    bins = np.flatnonzero(np.bincount(cell))
    level = 1 - (1 - answers.resampling.level) / len(bins)
    gaps = []
    for b in bins:
        inside = cell == b
        share = answers.resampling.share(answers.right, what="right", among=inside, level=level)
        assert share is not None  # noqa: S101 - the bin is not empty
        confidence = float(answers.confidence[inside].mean())
        gap, below, above = (confidence - x for x in (share.value, share.high, share.low))
        nearest = 0.0 if below <= 0 <= above else min(abs(below), abs(above))
        gaps.append((abs(gap), nearest, max(abs(below), abs(above))))
    value, low, high = (max(column) for column in zip(*gaps, strict=True))
    return value, low, high


def _debiased(pair: Pair) -> dict[str, Estimate]:
    """The debiased squared error, and its root (0 if it is negative), which is on the scale of a probability."""
    (r, r_draws), (c, c_draws) = pair.reference.cached(_equal_mass_squares), pair.candidate.cached(_equal_mass_squares)
    make, results = pair.resampling.from_draws, {}
    clustered = "" if pair.resampling.cluster is None else ", noise with clusters"
    squared = f"debiased squared calibration error, {KUMAR_BINS} equal-mass bins{clustered}"
    root = f"debiased RMS calibration error, {KUMAR_BINS} equal-mass bins{clustered}"
    of_difference = ", candidate minus reference"
    for side, value, draws in (("reference", r, r_draws), ("candidate", c, c_draws)):
        # With two items in a bin, one of them right, the noise is 1/4, and more with clusters.
        e = make(value, draws, what=squared, bounds=(min(-0.25, value), 1.0))
        results[f"ece_debiased_squared_{side}"] = e
        value, low, high = (float(_root(x)) for x in (e.value, e.low, e.high))
        results[f"ece_debiased_{side}"] = Estimate(value, low, high, e.n, e.method.replace(squared, root), e.level)
    results["ece_debiased_squared_difference"] = make(
        float(minus(c, r)), minus(c_draws, r_draws), what=squared + of_difference
    )
    results["ece_debiased_difference"] = make(
        float(minus(_root(c), _root(r))),
        minus(_root(c_draws), _root(r_draws)),
        what=root + of_difference,
        bounds=(-1.0, 1.0),
    )
    return results


def _equal_mass_squares(answers: Answers) -> tuple[float, NDArray[np.float64]]:
    return _squares(answers, equal_mass_edges(answers.confidence, KUMAR_BINS))


def _squares(answers: Answers, edges: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The debiased squared error and its draws [resamples].

    A resample treats the sample's own noise as miscalibration: its debiased errors are too high by exactly that
    noise, and their variance is too large by 4 sum w^2 s^4 (w and s^2: a bin's share and the variance of its gap).
    Both are removed, down to the 2 sum w^2 s^4 that even a calibrated model has.
    """
    cell = _bins(answers, edges)
    binned = answers.binned(cell, len(edges) - 1)
    count, confidence, right = binned.count, binned.confidence, binned.right
    residual = answers.confidence - answers.right
    effect = np.ones(len(count.total))
    for b in np.flatnonzero(count.total):
        effect[b] = answers.resampling.design_effect(residual, cell == b)
    value = float(squared_debiased(count.total[None], confidence.total[None], right.total[None], effect)[0])
    draws = squared_debiased(count.draws, confidence.draws, right.draws, effect)
    noise = np.where(count.total >= 2, _noise(np.maximum(count.total, 2), right.total, effect), 0.0)
    smallest = 2 * float(np.square(count.total / count.total.sum() * noise).sum())
    spread = float(draws.var())
    scale = np.sqrt(max(spread - 2 * smallest, smallest) / spread) if spread > 0 else 0.0
    return value, value + (draws - draws.mean()) * scale


def _root(x: Any) -> Any:
    return np.sqrt(np.maximum(x, 0.0))


def _bins(answers: Answers, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    return wide_bin(answers.confidence) if edges is WIDE_EDGES else bin_of(answers.confidence, edges)
