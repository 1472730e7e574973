"""Predictions: a model's probabilities for every item, over labels in one fixed order."""

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
"""How far a row's sum may be from 1; within it, rows are divided by their sum."""

NEARLY_ALL = 0.9
"""The share of rows that tells what a table holds: a few may be spoilt."""

ENOUGH_TO_TELL = 8
"""Rows that tell what a model's answers are: one row of logits may sum to 1 by accident."""

_LOGARITHMS = (
    ("negative logarithms of probabilities", "take exp(-x) of them", -1.0),
    ("logarithms to base 2 of probabilities", "raise 2 to their power", float(np.log(2))),
    ("logarithms to base 10 of probabilities", "raise 10 to their power", float(np.log(10))),
    ("negative logarithms to base 2 of probabilities", "take 2 ** -x of them", -float(np.log(2))),
    ("negative logarithms to base 10 of probabilities", "take 10 ** -x of them", -float(np.log(10))),
)
"""What softmax does not undo, how to undo it, and what makes natural logarithms of it. Those are logits."""


@dataclass(frozen=True)
class Predictions:
    """Probabilities [items, labels] in float64; rows sum to one."""

    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]

    def reordered(self, labels: Sequence[str], *, model: str, reference: str) -> Predictions:
        """The same predictions with their columns in the order of ``labels``, matched by name."""
        if set(labels) != set(self.labels):
            raise LabelError(difference(reference, labels, model, self.labels))
        place = {name: column for column, name in enumerate(self.labels)}
        order = [place[name] for name in labels]
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
    refuse_alike(labels, where, "give each label its own name with --labels")

    def item(row: int) -> str:
        return f"{where}: item {ids[row]!r}" if place is None else f"{where}: {place(row)}: item {ids[row]!r}"

    refuse_not_finite(values, labels, item, "probability")
    bad = (values < 0) | (values > 1 + SUM_TOLERANCE)
    if bad.any():
        row, column = (int(i[0]) for i in np.nonzero(bad))
        asked = where == f"model {model}"
        raise ModelError(
            f"{item(row)}, label {labels[column]!r}: {values[row, column]:g} is not a probability; "
            f"{_instead(values, asked=asked)}"
        )
    sums = values.sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if off.size:
        row = int(off[0])
        # Whole percent: half of one off in every label.
        rounded = np.abs(sums - 1).max() <= 0.005 * len(labels) + 1e-9
        remedy = (
            "they seem to be rounded to two digits; write more of them"
            if rounded
            else "each row needs the probability of every label; name the label columns with --labels"
        )
        raise ModelError(f"{item(row)}: probabilities of {listed(labels)} sum to {sums[row]:g}, not 1; {remedy}")
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


@np.errstate(over="ignore", invalid="ignore")
def unlike_logits(values: NDArray[np.float64]) -> tuple[str, str] | None:
    """What rows [rows, labels] of finite values hold that are no logits, and what makes probabilities of them; or None.

    Logits lie on both sides of 0 and their rows sum to anything, or to 0.
    """
    sums, largest = values.sum(axis=1), values.max(axis=1)
    positive = values.min(axis=1) >= -SUM_TOLERANCE
    if _nearly_all(positive & (largest <= 1 + SUM_TOLERANCE)):
        return "probabilities" if _sum_to_one(values) else "scores between 0 and 1", ""
    # Of whole numbers, each is half of one off; where a label was left out, rows sum to less.
    rounding = min(0.5 * values.shape[1], 5.0)
    within = positive & (sums <= 100 + rounding)
    if _nearly_all(within) and (_nearly_all(sums >= 100 - rounding) or (largest[within] > 50).any()):
        return "percentages", "divide them by 100"
    total = float(np.median(sums))
    alike = positive & (np.abs(sums - total) <= SUM_TOLERANCE * total)
    if len(values) >= ENOUGH_TO_TELL and _nearly_all(alike):
        return f"shares of {total:g}", f"divide them by {total:g}"
    spread = float(np.median(largest - values.min(axis=1)))
    alike = np.abs(sums - total) <= SUM_TOLERANCE * spread
    if len(values) >= ENOUGH_TO_TELL and _nearly_all(alike) and abs(total) > 10 * SUM_TOLERANCE * spread:
        return f"shares with a constant taken off (rows sum to {total:g})", "add it again"
    for what, remedy, factor in _LOGARITHMS:
        if _are_logarithms(factor * values):
            return what, remedy
    return None


def _instead(values: NDArray[np.float64], *, asked: bool) -> str:
    """What to do about values [rows, labels] that are no probabilities; ``asked`` where a model answered them."""
    what, remedy = unlike_logits(values) or ("", "")
    if remedy:
        return f"these look like {what}; {remedy}"
    if what or values.min() >= 0:
        return "every value must lie between 0 and 1"
    say = "of an ONNX model say --scores logits" if asked else "say --scores logits"
    if _are_logarithms(values):
        return f"these look like logarithms of probabilities; take their exponentials, or {say}, which does"
    return f"if these are logits, {'answer their softmax, or ' if asked else ''}{say}"


def _are_logarithms(values: NDArray[np.float64]) -> bool:
    """Whether the rows [rows, labels] are natural logarithms of probabilities; certain rows do not tell."""
    hesitant = values[values.max(axis=1) < -0.05]
    return bool(len(hesitant) and values.max() <= SUM_TOLERANCE and _sum_to_one(np.exp(hesitant)))


def _sum_to_one(values: NDArray[np.float64]) -> bool:
    return _nearly_all(np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE)


def _nearly_all(which: NDArray[np.bool_]) -> bool:
    return bool(which.mean() >= NEARLY_ALL)


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
