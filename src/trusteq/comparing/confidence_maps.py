"""Maps of confidence: functions from a model's probabilities to others, fitted to the labels or to a reference.

From the simplest to the richest:

- *temperature*: one T divides all logits (Guo et al., ICML 2017).
- *by answer*: a T for each answer divides the logits of the items that are answered so.
- *isotonic*: the answer's probability becomes the share of right answers at such a probability, or the reference's mean
  confidence there, as a function that never falls (Zadrozny and Elkan, KDD 2002); other labels keep their proportions.
- *vector*: each label's logit has a scale and a bias of its own (vector scaling, Guo et al.). Alone of the four, it can
  change answers. Only probabilities are known, so their logarithms stand for the logits.

Probabilities are [items, labels]. If labels are not shared, they are [items, 2], of the answer and of all others
together (``binary``): only a temperature and an isotonic map make sense of those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import scipy

from trusteq.comparing.temperature import fit_inverse_temperature, scaled
from trusteq.stats.rows import floored_log, largest_column, row_sums

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

MapName = Literal["temperature", "by answer", "isotonic", "vector"]

FEWEST_OF_ANSWER = 50
"""Items of one answer below which it shares the temperature of all items."""
PRIOR = 1.0
"""The weight of the prior of vector scaling: each scale normal around 1, each bias around 0."""
_ABOVE = 1 + 1e-9


class ConfidenceMap(Protocol):
    """A fitted map."""

    def applied(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities [items, labels] that it makes of these."""

    @property
    def parameters(self) -> Mapping[str, tuple[float, ...]]:
        """Everything that it was fitted to, by name."""


@dataclass(frozen=True)
class Temperature:
    """One T that divides all logits."""

    temperature: float

    def applied(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities [items, labels] that it makes of these."""
        return scaled(floored_log(p), 1 / self.temperature)

    @property
    def parameters(self) -> Mapping[str, tuple[float, ...]]:
        """T."""
        return {"temperature": (self.temperature,)}


@dataclass(frozen=True)
class ByAnswer:
    """A T for each answer [labels]."""

    temperature: NDArray[np.float64]

    def applied(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities [items, labels] that it makes of these."""
        answer, _ = largest_column(p)
        return scaled(floored_log(p) / self.temperature[answer][:, None], 1.0)

    @property
    def parameters(self) -> Mapping[str, tuple[float, ...]]:
        """The temperature of each answer."""
        return {"temperature": tuple(self.temperature.tolist())}


@dataclass(frozen=True)
class Isotonic:
    """What becomes of the answer's probability: a line through the points (``confidence``, ``becomes``) [points]."""

    confidence: NDArray[np.float64]
    becomes: NDArray[np.float64]
    binary: bool = False

    def applied(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities [items, labels] that it makes of these; the answer stays the most probable."""
        if self.binary:
            confidence = np.interp(p[:, 0], self.confidence, self.becomes)
            return np.stack([confidence, 1 - confidence], axis=1)
        answer, confidence = largest_column(p)
        rows = np.arange(len(p))
        others = p.copy()
        others[rows, answer] = 0.0
        rest = row_sums(others)
        # Where nothing is left for the others, they share it equally.
        sure = rest <= 0
        others[sure] = 1.0
        others[rows[sure], answer[sure]] = 0.0
        others /= row_sums(others)[:, None]
        _, second = largest_column(others)
        # As long as the answer stays ahead of the second: c >= s (1 - c).
        made = np.maximum(np.interp(confidence, self.confidence, self.becomes), second / (1 + second) * _ABOVE)
        others *= (1 - made)[:, None]
        others[rows, answer] = made
        return others

    @property
    def parameters(self) -> Mapping[str, tuple[float, ...]]:
        """The points."""
        return {"confidence": tuple(self.confidence.tolist()), "becomes": tuple(self.becomes.tolist())}


@dataclass(frozen=True)
class Vector:
    """A scale and a bias for each label's logit [labels]."""

    scale: NDArray[np.float64]
    bias: NDArray[np.float64]

    def applied(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities [items, labels] that it makes of these."""
        return scaled(floored_log(p) * self.scale + self.bias, 1.0)

    @property
    def parameters(self) -> Mapping[str, tuple[float, ...]]:
        """Scales and biases, in the order of the labels."""
        return {"scale": tuple(self.scale.tolist()), "bias": tuple(self.bias.tolist())}


def fit_temperature(p: NDArray[np.float64], targets: NDArray[Any], *, binary: bool = False) -> Temperature:
    """The temperature closest to the targets, as in `fit_inverse_temperature`."""
    return Temperature(1 / fit_inverse_temperature(floored_log(p), targets, binary=binary))


def fit_by_answer(p: NDArray[np.float64], targets: NDArray[Any], *, binary: bool = False) -> ByAnswer:
    """The same for the items of each answer; a rare answer has the temperature of all."""
    del binary  # not offered
    answer, _ = largest_column(p)
    logs = floored_log(p)
    temperature = np.full(p.shape[1], 1 / fit_inverse_temperature(logs, targets))
    for label in np.flatnonzero(np.bincount(answer, minlength=p.shape[1]) >= FEWEST_OF_ANSWER):
        inside = answer == label
        temperature[label] = 1 / fit_inverse_temperature(logs[inside], targets[inside])
    return ByAnswer(temperature)


def fit_isotonic(p: NDArray[np.float64], targets: NDArray[Any], *, binary: bool = False) -> Isotonic:
    """The rising function of confidence closest to being right, by squares, kept from 0 and 1 by Laplace's rule.

    If the targets are a reference's confidences [items], closest to those. For n items, all of them right, that rule
    expects the next one to be right with probability (n + 1) / (n + 2), so no confidence becomes 0 or 1.
    """
    answer, confidence = (np.zeros(len(p), dtype=np.int64), p[:, 0]) if binary else largest_column(p)
    at, level = np.unique(confidence, return_inverse=True)
    count = np.bincount(level)
    wanted = targets if targets.dtype.kind == "f" else answer == targets
    fitted = scipy.optimize.isotonic_regression(np.bincount(level, weights=wanted) / count, weights=count).x
    n = len(p)
    becomes = np.clip(fitted, 1 / (n + 2), (n + 1) / (n + 2))
    # Of a run of equal values, the first and the last are enough.
    rises = np.diff(becomes) > 0
    kept = np.concatenate([[True], rises]) | np.concatenate([rises, [True]])
    return Isotonic(at[kept], becomes[kept], binary)


def fit_vector(p: NDArray[np.float64], gold: NDArray[Any], *, binary: bool = False) -> Vector:
    """The scales and biases of the lowest cross-entropy with the gold labels, less a prior around no change."""
    del binary  # not offered
    logs = floored_log(p)
    n, labels = logs.shape
    hits = np.zeros_like(logs)
    hits[np.arange(n), gold] = 1.0
    identity = np.concatenate([np.ones(labels), np.zeros(labels)])

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        made = scaled(logs * parameters[:labels] + parameters[labels:], 1.0)
        away = parameters - identity
        error = made - hits
        slope = np.concatenate([(error * logs).sum(axis=0), error.sum(axis=0)]) + PRIOR * away
        value = -float(floored_log(made[np.arange(n), gold]).sum()) + PRIOR * float(away @ away) / 2
        return value / n, slope / n

    fitted = scipy.optimize.minimize(
        loss, identity, jac=True, method="L-BFGS-B", options={"maxiter": 200, "gtol": 1e-7}
    ).x
    return Vector(fitted[:labels], fitted[labels:])


FITS: Mapping[MapName, Callable[..., ConfidenceMap]] = {
    "temperature": fit_temperature,
    "by answer": fit_by_answer,
    "isotonic": fit_isotonic,
    "vector": fit_vector,
}


def map_from(name: MapName, parameters: Mapping[str, Sequence[float]], *, binary: bool = False) -> ConfidenceMap:
    """The map with these `parameters`, as an audit stores them."""
    values = {key: np.array(numbers, dtype=np.float64) for key, numbers in parameters.items()}
    if name == "temperature":
        return Temperature(float(values["temperature"][0]))
    if name == "by answer":
        return ByAnswer(values["temperature"])
    if name == "isotonic":
        return Isotonic(values["confidence"], values["becomes"], binary)
    return Vector(values["scale"], values["bias"])
