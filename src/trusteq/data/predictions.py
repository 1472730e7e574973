"""Predictions: a model's probabilities for every item, over labels in one fixed order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.label_sets import difference, listed
from trusteq.errors import LabelError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

SUM_TOLERANCE = 1e-3
"""How far a row's sum may be from 1; within it, rows are divided by their sum."""


@dataclass(frozen=True)
class Predictions:
    """Probabilities [items, labels] in float64; rows sum to one."""

    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]

    def reordered(self, labels: Sequence[str], *, model: str, reference: str) -> Predictions:
        """The same predictions with their columns in the order of ``labels``, matched by name."""
        if set(labels) != set(self.labels):
            raise LabelError(difference(reference, labels, model, self.labels))
        order = [self.labels.index(name) for name in labels]
        return Predictions(tuple(labels), self.probabilities[:, order])


def checked(
    probabilities: NDArray[Any],
    *,
    labels: Sequence[str],
    ids: Sequence[str],
    model: str,
    where: str | None = None,
    place: Callable[[int], str] | None = None,
) -> Predictions:
    """Predictions from a model's raw answer, or one clear line about the first bad value in it.

    ``probabilities`` [items, labels]; ``where`` names the file, or stands for the model itself; ``place`` gives
    the words that find an item's row in the file.
    """
    where = where or f"model {model}"
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2:
        raise ModelError(f"{where}: answers have shape {values.shape}, expected [items, labels]")
    if len(values) != len(ids):
        raise ModelError(f"{where}: {len(values)} rows of predictions for {len(ids)} items; every item needs one")
    if values.shape[1] < 2:
        raise ModelError(
            f"{where}: only {values.shape[1]} label column; a classifier needs one probability for each of two or "
            "more labels (for a binary model give both p and 1 - p)"
        )
    if values.shape[1] != len(labels):
        raise ModelError(f"{where}: {values.shape[1]} probabilities an item but {len(labels)} label names")
    repeated = sorted({name for name in labels if list(labels).count(name) > 1})
    if repeated:
        raise LabelError(f"{where}: label {repeated[0]!r} appears twice; give each label its own name with --labels")

    def item(row: int) -> str:
        return f"{where}: item {ids[row]!r}" if place is None else f"{where}: {place(row)}: item {ids[row]!r}"

    refuse_not_finite(values, labels, item, "probability")
    bad = (values < 0) | (values > 1 + SUM_TOLERANCE)
    if bad.any():
        row, column = (int(i[0]) for i in np.nonzero(bad))
        hint = (
            "these look like percentages; divide them by 100"
            if _are_percentages(values)
            else "if these are logits, say --scores logits"
        )
        raise ModelError(f"{item(row)}, label {labels[column]!r}: {values[row, column]:g} is not a probability; {hint}")
    sums = values.sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if off.size:
        row = int(off[0])
        raise ModelError(
            f"{item(row)}: probabilities of {listed(labels)} sum to {sums[row]:g}, not 1; "
            "name the label columns with --labels, or say --scores logits"
        )
    return Predictions(tuple(labels), values / sums[:, None])


def refuse_not_finite(
    values: NDArray[np.float64], labels: Sequence[str], item: Callable[[int], str], what: str
) -> None:
    """Stop at the first value [items, labels] that is infinite or no number; ``item`` says whose it is."""
    bad = ~np.isfinite(values)
    if bad.any():
        row, column = (int(i[0]) for i in np.nonzero(bad))
        raise ModelError(
            f"{item(row)}, label {labels[column]!r}: {what} is {values[row, column]}; every value must be finite"
        )


def are_probabilities(values: NDArray[np.float64]) -> bool:
    """Whether every row [items, labels] could be probabilities: within 0 and 1, and summing to 1."""
    inside = values.min() >= 0 and values.max() <= 1 + SUM_TOLERANCE
    return bool(inside and (np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE).all())


def _are_percentages(values: NDArray[np.float64]) -> bool:
    """Whether the rows [items, labels] sum to 100, but for whole numbers' rounding."""
    return bool(values.min() >= 0 and (np.abs(values.sum(axis=1) - 100) <= 0.5 * values.shape[1]).all())


def log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Log-probabilities [items, labels] from logits, in float64: exact where a probability rounds to 0 or 1."""
    z = np.asarray(logits, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        z = z - z.max(axis=1, keepdims=True)
        return np.asarray(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities [items, labels] from logits, in float64 so that half-precision models do not saturate."""
    z = np.asarray(logits, dtype=np.float64)
    # -inf would give nan only in a row of all -inf; inf and nan pass through as nan and are refused by `checked`.
    with np.errstate(invalid="ignore"):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True))
