"""Classes: every item has one answer, from the same labels, and a model gives each label a probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.predictions import SUM_TOLERANCE, Predictions, checked
from trusteq.errors import OptionError
from trusteq.tasks.outcomes import Outcomes, most_probable
from trusteq.tasks.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.tasks.task import By, Scale


SMALLEST = 1e-15
"""Replaces a probability of 0 for models without logits."""


class Classes:
    """Rows of probabilities [items, labels]; the most probable label is the answer."""

    name = "classes"
    one_row = True
    largest = 1 + SUM_TOLERANCE
    explained = True
    dimensions: tuple[str, ...] = ()
    policy = "default"
    scale: Scale = "probability"
    may_be_unknown: tuple[str, ...] = ()
    probabilities: tuple[str, ...] = ()
    several_outcomes = False

    def columns(self, labels: Sequence[str]) -> tuple[str, ...]:
        """One per label."""
        return tuple(labels)

    def checked(self, raw: Any, *, items: Items, labels: Sequence[str], model: str) -> Rows:
        """Probabilities whose rows sum to one."""
        raw = raw.values if isinstance(raw, Rows) else raw
        return Rows(checked(raw, labels=labels, ids=items.ids, model=model).probabilities)

    def in_order(
        self, rows: Rows, model_labels: Sequence[str], labels: Sequence[str], *, model: str, reference: str
    ) -> Rows:
        """Columns matched by name."""
        predictions = Predictions(tuple(model_labels), rows.values)
        return Rows(predictions.reordered(labels, model=model, reference=reference).probabilities)

    def gold(self, items: Items, labels: Sequence[str]) -> NDArray[np.int64] | None:
        """Codes matched by name."""
        return items.gold(labels)

    def outcomes(self, rows: Rows, gold: NDArray[np.int64] | None, labels: Sequence[str] = ()) -> Outcomes:
        """One per item."""
        return most_probable(rows.values, gold)

    def answer_texts(
        self, codes: NDArray[np.int64], at: NDArray[np.int64], items: Items, labels: Sequence[str]
    ) -> Sequence[str]:
        """The labels."""
        return [labels[code] for code in codes.tolist()]

    def shares(self, rows: Rows, at: int, items: Items, labels: Sequence[str]) -> Mapping[str, float]:
        """Each label's probability."""
        return dict(zip(labels, rows.values[at].tolist(), strict=True))

    def targets(
        self, answers: Sequence[Rows], gold: NDArray[np.int64] | None, at: NDArray[np.int64], by: By
    ) -> NDArray[np.int64]:
        """The reference's answer, the gold label, or each model's own answer."""
        return chosen(np.stack([rows.values[at].argmax(axis=1) for rows in answers]), gold, at, by)

    def table(self, rows: Rows) -> NDArray[np.float64]:
        """Log-probabilities [changes, labels]."""
        return np.asarray(np.log(np.maximum(rows.values, SMALLEST)))

    def value(self, table: NDArray[np.float64], target: int, scale: Scale) -> NDArray[np.float64]:
        """A label's probability, or the logarithm of its odds."""
        return on_scale(table, target, scale)


def chosen(
    answered: NDArray[np.int64], gold: NDArray[np.int64] | None, at: NDArray[np.int64], by: By
) -> NDArray[np.int64]:
    """The code that is explained [models, at], from each model's answers [models, at] to the items at ``at``."""
    if by == "own":
        return answered
    if by == "gold":
        if gold is None:
            raise OptionError("explain target gold: the items have no labels; explain the reference's answer")
        return np.broadcast_to(gold[at], answered.shape)
    return np.broadcast_to(answered[0], answered.shape)


def on_scale(table: NDArray[np.float64], label: int, scale: Scale) -> NDArray[np.float64]:
    """A label's values [masks] from log-probabilities [masks, labels]: its probability, or the log of its odds."""
    values = table[:, label]
    if scale == "probability":
        return np.asarray(np.exp(values))
    from scipy import special  # not needed by `trusteq --help`

    # From the probabilities of the others, because 1 - p is 0 if p rounds to 1.
    others = np.delete(table, label, axis=1)
    return np.asarray(values - special.logsumexp(others, axis=1))
