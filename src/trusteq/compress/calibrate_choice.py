"""Which map brings a candidate nearest to the original: each is fitted without a fifth of the items and tried on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.comparing.confidence import profile_distance
from trusteq.comparing.remedies import ITEMS_A_PARAMETER, LABELS, TOLERATED
from trusteq.comparing.temperature import FOLDS, folds
from trusteq.compress.calibrate_maps import FITS, ITEMS_A_GROUP, CalibrationMap, MapName
from trusteq.stats.resampling import Resampling
from trusteq.stats.rows import floored_log, row_sums

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

AUTO: tuple[MapName, ...] = ("temperature", "vector", "isotonic")
"""The maps that are tried by default, the simplest first."""
FEWEST = 30
"""The fewest items, or clusters of items, that a map is fitted to."""
LEAST = 1e-6
"""A gain in nats below which maps differ by rounding."""


@dataclass(frozen=True)
class Tried:
    """A map fitted to all items, and what it does to held-out ones, each by a map fitted without its fold.

    confidence, kl: mean confidence, and KL from the original of each item [items]. distance: of the profile of
    confidence from the original's.
    """

    fitted: CalibrationMap
    confidence: float
    kl: NDArray[np.float64]
    distance: float


@dataclass(frozen=True)
class Choice:
    """What was tried, by name, and the map chosen; None if there is none that helps and harms nothing.

    before: KL(original || candidate) of each item [items] without a map. distance: of the profiles of confidence.
    """

    before: NDArray[np.float64]
    distance: float
    tried: Mapping[MapName, Tried]
    chosen: MapName | None
    sampling: Resampling

    def gain(self, name: MapName) -> tuple[float, float]:
        """By how much a map reduces the mean KL, and the standard error of that."""
        return mean_and_error(self.before - self.tried[name].kl, self.sampling)

    def moves_away(self, name: MapName) -> bool:
        """Whether confidence after a map is spread less like the original's, so that cut-offs act otherwise."""
        return self.tried[name].distance > self.distance + TOLERATED

    def facts(self) -> dict[str, Any]:
        """Mean KL and distance of profiles by map, and the gain in KL with its standard error, ready for JSON."""
        found: dict[str, Any] = {"none": {"kl": float(self.before.mean()), "profile distance": self.distance}}
        for name, one in self.tried.items():
            gain, error = self.gain(name)
            found[name] = {
                "kl": float(one.kl.mean()),
                "gain": gain,
                "standard error": error,
                "profile distance": one.distance,
            }
        return found


def choice(
    logs: NDArray[np.float64],
    targets: NDArray[np.float64],
    names: Sequence[MapName],
    clusters: Sequence[str] | None,
) -> Choice:
    """The simplest of these maps, none at all being simpler, that no richer one beats by more than a standard error.

    A map that lowers KL by moving confidence away from the original's is not chosen. logs: the candidate's
    log-probabilities [items, labels]; targets: the original's probabilities. Items of a cluster are in the same fold.
    """
    sampling = Resampling(len(logs), clusters=clusters)
    p, sure = np.exp(logs), targets.max(axis=1)
    before, distance = divergences(targets, p), profile_distance(sure, p.max(axis=1))
    tried: dict[MapName, Tried] = {}
    chosen, lowest = None, before
    for name in names:
        made = held_out(name, logs, targets, sampling)
        confidence, kl = made.max(axis=1), divergences(targets, made)
        tried[name] = Tried(FITS[name](logs, targets), float(confidence.mean()), kl, profile_distance(sure, confidence))
        gain, error = mean_and_error(lowest - kl, sampling)
        if gain > max(error, LEAST) and tried[name].distance <= distance + TOLERATED:
            chosen, lowest = name, kl
    return Choice(before, distance, tried, chosen, sampling)


def held_out(
    name: MapName, logs: NDArray[np.float64], targets: NDArray[np.float64], sampling: Resampling
) -> NDArray[np.float64]:
    """Probabilities after a map [items, labels], each by one that was fitted without the item's fold."""
    fold, made = folds(sampling), np.empty_like(logs)
    for f in range(FOLDS):
        inside = fold == f
        made[inside] = FITS[name](logs[~inside], targets[~inside]).of(logs[inside])
    return made


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
    if name in ("temperature", "matched"):
        return None
    if labels > LABELS:
        return f"{labels} labels, and at most {LABELS} get a line of their own"
    needed = labels * ITEMS_A_PARAMETER * 2 if name == "vector" else max(labels * ITEMS_A_PARAMETER, 4 * ITEMS_A_GROUP)
    return None if items >= needed else f"{items:,} items, and it needs {needed:,}"
