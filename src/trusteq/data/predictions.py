"""Predictions: a model's probabilities for every item, over labels in a fixed order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.label_sets import difference, listed, refuse_alike
from trusteq.errors import LabelError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

SUM_TOLERANCE = 1e-3
"""How far a row's sum may be from 1; such rows are divided by their sum."""

NEARLY_ALL = 0.9
"""The share of rows that decides what a table contains: a few rows may be bad."""

ENOUGH_ROWS = 8
"""The number of rows needed to recognise shares: the sums of a few rows of logits may be equal by chance."""

_LOGARITHMS = (
    ("negative logarithms of probabilities", "use exp(-x)", -1.0),
    ("logarithms to base 2 of probabilities", "use 2 ** x", float(np.log(2))),
    ("logarithms to base 10 of probabilities", "use 10 ** x", float(np.log(10))),
    ("negative logarithms to base 2 of probabilities", "use 2 ** -x", -float(np.log(2))),
    ("negative logarithms to base 10 of probabilities", "use 10 ** -x", -float(np.log(10))),
)
"""What softmax does not turn into probabilities, how to do that, and the factor to natural logarithms (logits)."""


@dataclass(frozen=True)
class Predictions:
    """Probabilities [items, labels] in float64; rows sum to one."""

    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]

    def reordered(self, labels: Sequence[str], *, model: str, reference: str) -> Predictions:
        """The same predictions with their columns in the order of ``labels``, matched by name."""
        if set(labels) != set(self.labels):
            raise LabelError(difference(reference, labels, model, self.labels))
        column_of = {name: column for column, name in enumerate(self.labels)}
        order = [column_of[name] for name in labels]
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
    """Predictions from a model's raw answer; an error about the first bad value in it.

    ``probabilities`` [items, labels]; ``where`` is the name of the file, None for answers of the model itself;
    ``place`` returns where an item's row is in the file.
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
        raise ModelError(f"{where}: {values.shape[1]} probabilities per item but {len(labels)} label names")
    refuse_alike(labels, where, "give each label its own name with --labels")

    def item(row: int) -> str:
        return f"{where}: item {ids[row]!r}" if place is None else f"{where}: {place(row)}: item {ids[row]!r}"

    refuse_not_finite(values, labels, item, "probability")
    bad = (values < 0) | (values > 1 + SUM_TOLERANCE)
    if bad.any():
        row, column = (int(i[0]) for i in np.nonzero(bad))
        computed = where == f"model {model}"
        raise ModelError(
            f"{item(row)}, label {labels[column]!r}: {values[row, column]:g} is not a probability; "
            f"{_advice(values, computed=computed)}"
        )
    sums = values.sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if off.size:
        row = int(off[0])
        # Whole percent: each label may be half a percent off.
        rounded = np.abs(sums - 1).max() <= 0.005 * len(labels) + 1e-9
        remedy = (
            "they seem to be rounded to two digits; write more digits"
            if rounded
            else "each row needs the probability of every label; name the label columns with --labels"
        )
        raise ModelError(f"{item(row)}: probabilities of {listed(labels)} sum to {sums[row]:g}, not 1; {remedy}")
    return Predictions(tuple(labels), values / sums[:, None])


def refuse_not_finite(
    values: NDArray[np.float64], labels: Sequence[str], item: Callable[[int], str], kind: str
) -> None:
    """Raise an error for the first value [items, labels] that is infinite or NaN; ``item`` names its item."""
    bad = ~np.isfinite(values)
    if bad.any():
        row, column = (int(i[0]) for i in np.nonzero(bad))
        raise ModelError(
            f"{item(row)}, label {labels[column]!r}: {kind} is {values[row, column]}; every value must be finite"
        )


@np.errstate(over="ignore", invalid="ignore")
def unlike_logits(values: NDArray[np.float64]) -> tuple[str, str] | None:
    """What rows [rows, labels] of finite values are if not logits, and how to get probabilities; None for logits.

    Logits are on both sides of 0 and their rows sum to anything, or to 0.
    """
    sums, largest = values.sum(axis=1), values.max(axis=1)
    positive = values.min(axis=1) >= -SUM_TOLERANCE
    if _nearly_all(positive & (largest <= 1 + SUM_TOLERANCE)):
        return "probabilities" if _sum_to_one(values) else "scores between 0 and 1", ""
    # Whole numbers may each be half of one off; if a label was left out, rows sum to less.
    rounding = min(0.5 * values.shape[1], 5.0)
    within = positive & (sums <= 100 + rounding)
    if _nearly_all(within) and (_nearly_all(sums >= 100 - rounding) or (largest[within] > 50).any()):
        return "percentages", "divide them by 100"
    total = float(np.median(sums))
    equal = positive & (np.abs(sums - total) <= SUM_TOLERANCE * total)
    if len(values) >= ENOUGH_ROWS and _nearly_all(equal):
        return f"shares of {total:g}", f"divide them by {total:g}"
    spread = float(np.median(largest - values.min(axis=1)))
    equal = np.abs(sums - total) <= SUM_TOLERANCE * spread
    if len(values) >= ENOUGH_ROWS and _nearly_all(equal) and abs(total) > 10 * SUM_TOLERANCE * spread:
        return f"shares with a constant subtracted (rows sum to {total:g})", "add it back"
    for kind, remedy, factor in _LOGARITHMS:
        if _are_logarithms(factor * values):
            return kind, remedy
    return None


def _advice(values: NDArray[np.float64], *, computed: bool) -> str:
    """What to do about values [rows, labels] that are not probabilities; ``computed`` if a model returned them."""
    kind, remedy = unlike_logits(values) or ("", "")
    if remedy:
        return f"these look like {kind}; {remedy}"
    if kind or values.min() >= 0:
        return "every value must lie between 0 and 1"
    option = "for an ONNX model use --scores logits" if computed else "use --scores logits"
    if _are_logarithms(values):
        return f"these look like logarithms of probabilities; use exp(x), or {option}, which does so"
    return f"if these are logits, {'return their softmax, or ' if computed else ''}{option}"


def _are_logarithms(values: NDArray[np.float64]) -> bool:
    """Whether the rows [rows, labels] are natural logarithms of probabilities; certain answers do not count."""
    uncertain = values[values.max(axis=1) < -0.05]
    return bool(len(uncertain) and values.max() <= SUM_TOLERANCE and _sum_to_one(np.exp(uncertain)))


def _sum_to_one(values: NDArray[np.float64]) -> bool:
    return _nearly_all(np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE)


def _nearly_all(rows: NDArray[np.bool_]) -> bool:
    return bool(rows.mean() >= NEARLY_ALL)


def log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Log-probabilities [items, labels] from logits, in float64: exact even if a probability rounds to 0 or 1."""
    z = np.asarray(logits, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        z = z - z.max(axis=1, keepdims=True)
        return np.asarray(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities [items, labels] from logits, in float64 so that half-precision models do not saturate."""
    z = np.asarray(logits, dtype=np.float64)
    # -inf gives nan only in a row of all -inf; inf and nan remain nan and are refused by `checked`.
    with np.errstate(invalid="ignore"):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True))
