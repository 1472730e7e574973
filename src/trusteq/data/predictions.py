"""Predictions: a model's probabilities for every item, over labels in one fixed order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import LabelError, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
            raise LabelError(
                f"labels differ: {reference} has {{{', '.join(labels)}}}, {model} has "
                f"{{{', '.join(self.labels)}}}; name the order with --labels {model}={','.join(labels)}"
            )
        order = [self.labels.index(name) for name in labels]
        return Predictions(tuple(labels), self.probabilities[:, order])


def checked(
    probabilities: NDArray[Any],
    *,
    labels: Sequence[str],
    ids: Sequence[str],
    model: str,
    where: str | None = None,
) -> Predictions:
    """Predictions from a model's raw answer, or one clear line about the first bad value in it.

    ``probabilities`` [items, labels]; ``where`` names the file, or stands for the model itself.
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

    def place(bad: NDArray[np.bool_]) -> tuple[str, str, float]:
        row, column = (int(i[0]) for i in np.nonzero(bad))
        return ids[row], labels[column], float(values[row, column])

    if not np.isfinite(values).all():
        id_, label, value = place(~np.isfinite(values))
        raise ModelError(f"{where}: item {id_!r}, label {label!r}: probability is {value}; every value must be finite")
    if (values < 0).any() or (values > 1 + SUM_TOLERANCE).any():
        id_, label, value = place((values < 0) | (values > 1 + SUM_TOLERANCE))
        raise ModelError(
            f"{where}: item {id_!r}, label {label!r}: {value:g} is not a probability; "
            "if these are logits, say --scores logits"
        )
    sums = values.sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if off.size:
        row = int(off[0])
        raise ModelError(
            f"{where}: item {ids[row]!r}: probabilities of {{{', '.join(labels)}}} sum to {sums[row]:g}, not 1; "
            "name the label columns with --labels, or say --scores logits"
        )
    return Predictions(tuple(labels), values / sums[:, None])


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities [items, labels] from logits, in float64 so that half-precision models do not saturate."""
    z = np.asarray(logits, dtype=np.float64)
    # -inf would give nan only in a row of all -inf; inf and nan pass through as nan and are refused by `checked`.
    with np.errstate(invalid="ignore"):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True))
