"""Maps of a candidate's probabilities toward the original's, of forms that can be saved into the candidate itself.

From the simplest to the richest:

- *temperature*: one T divides all logits (Guo et al., ICML 2017). It changes no answer.
- *vector*: each label's logit, less the mean over the labels, has a scale and a bias of its own (vector scaling, Guo et
  al.). Less the mean, so that it depends on probabilities alone; and still it is a linear map of the logits.
- *isotonic*: each label's log-odds go through a line that never falls, fitted to the original's probability of that
  label (Zadrozny and Elkan, KDD 2002); then all are divided by their sum.

Temperature and vector have the lowest cross-entropy with the original's probabilities, and so the lowest
KL(original || candidate). That also makes a candidate less sure wherever the two disagree, which no map corrects. So
there is one more:

- *matched*: the temperature that gives the original's mean confidence, whatever the KL (as in `comparing.temperature`).

Log-probabilities are [items, labels], and so are targets: the original's probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from scipy import optimize, special

from trusteq.comparing.temperature import fit_inverse_temperature, scaled
from trusteq.stats.rows import PROBABILITY_FLOOR, floored_log, row_sums

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

MapName = Literal["temperature", "vector", "isotonic", "matched"]

SMALLEST = 1e-300
"""The probability that 0 becomes where a model gives logits, which have no smallest one."""

GROUPS = 20
"""The most points of an isotonic map, one for each group of items of equal size."""
ITEMS_A_GROUP = 25
"""The fewest items in a group."""
APART = 0.1
"""The shortest step between two points, in log-odds: steeper lines would make rounding in 32 bits visible."""
PRIOR = 0.01
"""The weight of the prior of vector scaling: each scale normal around 1, each bias around 0.

A hundredth of that for gold labels: targets that are probabilities have no noise of drawing, so it need only decide
what the items leave open.
"""
EXTREME = 1e-6
"""How near to 0 and 1 an isotonic map goes at its points."""


class CalibrationMap(Protocol):
    """A fitted map."""

    def of(self, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities [items, labels] that it makes of these log-probabilities."""

    @property
    def parameters(self) -> Mapping[str, object]:
        """Everything that it was fitted to, by name, ready for JSON."""


@dataclass(frozen=True)
class Temperature:
    """One T that divides all logits."""

    temperature: float

    def of(self, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities [items, labels] that it makes of these log-probabilities."""
        return scaled(logs, 1 / self.temperature)

    @property
    def parameters(self) -> Mapping[str, object]:
        """T."""
        return {"temperature": self.temperature}


@dataclass(frozen=True)
class Vector:
    """A scale and a bias [labels] of each label's logit, less the mean over the labels."""

    scale: NDArray[np.float64]
    bias: NDArray[np.float64]

    def of(self, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities [items, labels] that it makes of these log-probabilities."""
        return scaled(centred(logs) * self.scale + self.bias, 1.0)

    @property
    def parameters(self) -> Mapping[str, object]:
        """Scales and biases, in the order of the labels."""
        return {"scale": self.scale.tolist(), "bias": self.bias.tolist()}


@dataclass(frozen=True)
class Line:
    """A line through points of log-odds, ``at`` rising and ``becomes`` never falling [points].

    Beyond the outermost points it rises one for one.
    """

    at: NDArray[np.float64]
    becomes: NDArray[np.float64]

    def of(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """What becomes of these log-odds."""
        beyond = x - np.clip(x, self.at[0], self.at[-1])
        return np.interp(x, self.at, self.becomes) + beyond


@dataclass(frozen=True)
class Isotonic:
    """A line for each label."""

    lines: tuple[Line, ...]

    def of(self, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities [items, labels] that it makes of these log-probabilities."""
        x = log_odds(logs)
        made = special.expit(np.stack([line.of(x[:, k]) for k, line in enumerate(self.lines)], axis=1))
        return np.asarray(made / row_sums(made)[:, None])

    @property
    def parameters(self) -> Mapping[str, object]:
        """Each label's points, in the order of the labels."""
        return {
            "at": [line.at.tolist() for line in self.lines],
            "becomes": [line.becomes.tolist() for line in self.lines],
        }


def centred(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-probabilities, or logits, less their mean over the labels: the same for both [items, labels]."""
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def log_odds(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithm of each label's probability over that of all others together [items, labels]."""
    p = np.maximum(np.exp(logs), PROBABILITY_FLOOR)
    # Summed and not 1 - p, which loses all digits where p is near 1.
    return np.asarray(np.log(p) - np.log(p @ others(p.shape[1])))


def others(labels: int) -> NDArray[np.float64]:
    """The matrix [labels, labels] that sums, for each label, the probabilities of all others."""
    return 1 - np.eye(labels)


def fit_temperature(logs: NDArray[np.float64], targets: NDArray[np.float64]) -> Temperature:
    """The temperature of the lowest cross-entropy with the targets."""
    return Temperature(1 / fit_inverse_temperature(logs, targets))


def fit_matched(logs: NDArray[np.float64], targets: NDArray[np.float64]) -> Temperature:
    """The temperature that gives the mean confidence of the targets."""
    return Temperature(1 / fit_inverse_temperature(logs, targets.max(axis=1)))


def fit_vector(logs: NDArray[np.float64], targets: NDArray[np.float64]) -> Vector:
    """The scales and biases of the lowest cross-entropy with the targets, less a prior around no change."""
    z = centred(logs)
    n, labels = z.shape
    identity = np.concatenate([np.ones(labels), np.zeros(labels)])

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        made = scaled(z * parameters[:labels] + parameters[labels:], 1.0)
        away = parameters - identity
        error = made - targets
        slope = np.concatenate([(error * z).sum(axis=0), error.sum(axis=0)]) + PRIOR * away
        value = -float((targets * floored_log(made)).sum()) + PRIOR * float(away @ away) / 2
        return value / n, slope / n

    fitted = optimize.minimize(loss, identity, jac=True, method="L-BFGS-B", options={"maxiter": 500, "gtol": 1e-8}).x
    return Vector(fitted[:labels], fitted[labels:])


def fit_isotonic(logs: NDArray[np.float64], targets: NDArray[np.float64]) -> Isotonic:
    """A line for each label, fitted by squares to the targets' means in groups of items with similar probabilities."""
    p, x = np.exp(logs), log_odds(logs)
    return Isotonic(tuple(_line(x[:, k], p[:, k], targets[:, k]) for k in range(p.shape[1])))


def _line(x: NDArray[np.float64], p: NDArray[np.float64], target: NDArray[np.float64]) -> Line:
    """The line of one label. Points are means of probabilities on both sides, so equal models get no change."""
    order = np.argsort(x, kind="stable")
    groups = np.array_split(order, min(GROUPS, max(1, len(x) // ITEMS_A_GROUP)))
    points: list[NDArray[np.float64]] = []  # sums of one, p and target
    for group in groups:
        sums = np.array([len(group), p[group].sum(), target[group].sum()])
        if points and _at(sums) - _at(points[-1]) < APART:
            points[-1] = points[-1] + sums
        else:
            points.append(sums)
    count, _, total = np.stack(points, axis=1)
    rising = optimize.isotonic_regression(total / count, weights=count).x
    return Line(np.array([_at(sums) for sums in points]), special.logit(np.clip(rising, EXTREME, 1 - EXTREME)))


def _at(sums: NDArray[np.float64]) -> float:
    """The log-odds of a group's mean probability."""
    return float(special.logit(np.clip(sums[1] / sums[0], PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)))


FITS: Mapping[MapName, Callable[[NDArray[np.float64], NDArray[np.float64]], CalibrationMap]] = {
    "temperature": fit_temperature,
    "vector": fit_vector,
    "isotonic": fit_isotonic,
    "matched": fit_matched,
}
