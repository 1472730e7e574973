"""Which map brings a candidate nearest to the original: each is fitted without a fifth of the items and tried on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compare.remedies import ITEMS_A_PARAMETER, LABELS
from trusteq.compare.temperature import FOLDS, folds
from trusteq.compress.calibrate_maps import FITS, ITEMS_A_GROUP, CalibrationMap, MapName
from trusteq.stats.resampling import Resampling
from trusteq.stats.rows import floored_log, row_sums

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

FEWEST = 30
"""The fewest items, or clusters of items, that a map is fitted to."""
LEAST = 1e-6
"""A gain in nats below which maps differ by rounding."""


@dataclass(frozen=True)
class Tried:
    """A map fitted to all items, and held-out probabilities [items, labels]: each by a map fitted without its fold."""

    fitted: CalibrationMap
    held_out: NDArray[np.float64]
    kl: NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """What was tried, by name, and the map chosen; None if none is shown to help.

    before: KL(original || candidate) of each item [items] without a map.
    """

    before: NDArray[np.float64]
    tried: Mapping[MapName, Tried]
    chosen: MapName | None
    sampling: Resampling

    def gain(self, name: MapName) -> tuple[float, float]:
        """By how much a map reduces the mean KL, and the standard error of that."""
        return mean_and_error(self.before - self.tried[name].kl, self.sampling)

    def facts(self) -> dict[str, Any]:
        """The mean KL of each map, and its gain with its standard error, ready for JSON."""
        kl: dict[str, Any] = {"none": {"kl": float(self.before.mean())}}
        for name, one in self.tried.items():
            gain, error = self.gain(name)
            kl[name] = {"kl": float(one.kl.mean()), "gain": gain, "standard error": error}
        return kl


def choice(
    logs: NDArray[np.float64],
    targets: NDArray[np.float64],
    names: Sequence[MapName],
    clusters: Sequence[str] | None,
) -> Choice:
    """The simplest of these maps, none at all being simpler, that no richer one beats by more than a standard error.

    logs: the candidate's log-probabilities [items, labels]; targets: the original's probabilities. Items of a cluster
    are in the same fold.
    """
    sampling = Resampling(len(logs), clusters=clusters)
    fold = folds(sampling)
    before = divergences(targets, np.exp(logs))
    tried: dict[MapName, Tried] = {}
    chosen, lowest = None, before
    for name in names:
        held_out = np.empty_like(logs)
        for f in range(FOLDS):
            inside = fold == f
            held_out[inside] = FITS[name](logs[~inside], targets[~inside]).of(logs[inside])
        tried[name] = Tried(FITS[name](logs, targets), held_out, divergences(targets, held_out))
        gain, error = mean_and_error(lowest - tried[name].kl, sampling)
        if gain > max(error, LEAST):
            chosen, lowest = name, tried[name].kl
    return Choice(before, tried, chosen, sampling)


def divergences(targets: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """KL(target || p) of each item [items], in nats."""
    return np.maximum(row_sums(targets * (floored_log(targets) - floored_log(p))), 0.0)


def mean_and_error(x: NDArray[np.float64], sampling: Resampling) -> tuple[float, float]:
    """The mean of values [items] and its standard error, which counts a cluster's items as one draw."""
    mean = float(x.mean())
    sums = np.bincount(sampling.unit, weights=x - mean, minlength=sampling.units)
    return mean, float(np.sqrt((sums @ sums) * sampling.units / max(sampling.units - 1, 1))) / len(x)


def too_few(name: MapName, items: int, labels: int) -> str | None:
    """Why a map is not tried on so many items and labels; None if it is."""
    if name == "temperature":
        return None
    if labels > LABELS:
        return f"{labels} labels, and at most {LABELS} get a line of their own"
    needed = labels * ITEMS_A_PARAMETER * 2 if name == "vector" else max(labels * ITEMS_A_PARAMETER, 4 * ITEMS_A_GROUP)
    return None if items >= needed else f"{items:,} items, and it needs {needed:,}"
