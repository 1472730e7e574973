"""Choices: an item offers answers to choose from, its own or the same for all, and a model gives each a probability."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.predictions import SUM_TOLERANCE
from trusteq.errors import LabelError, ModelError
from trusteq.tasks.classes import SMALLEST, chosen, on_scale
from trusteq.tasks.outcomes import Outcomes, most_probable
from trusteq.tasks.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.tasks.task import By, Scale

PROBABILITY, RAW, ORDER_EFFECT = range(3)
"""The columns of an answer: see `Choices`."""


class Choices:
    """A row for each option of an item, in the item's order.

    probability: the model's probability of the option among the item's options. raw: its probability as a continuation
    of the prompt, so that the sum over the item is the *mass* that the model gives to all options together; NaN if
    unknown. order_effect: how far the option's probability moves with the order in which options are shown, so that
    the sum over the item is the *order effect*; NaN unless several orders were asked.
    """

    name = "choices"
    one_row = False
    largest = 1 + SUM_TOLERANCE
    explained = True
    dimensions: tuple[str, ...] = ()
    policy = "generative"
    scale: Scale = "log-odds"
    may_be_unknown: tuple[str, ...] = ("raw", "order_effect")
    probabilities: tuple[str, ...] = ()
    several_outcomes = False

    def columns(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The same three, whatever the labels."""
        return ("probability", "raw", "order_effect")

    def checked(self, raw: Any, *, items: Items, labels: Sequence[str], model: str) -> Rows:
        """A row for each option of each item, with probabilities that sum to one."""
        if not isinstance(raw, Rows) or raw.counts is None or raw.values.shape[1:] != (3,):
            raise ModelError(f"model {model}: answered {type(raw).__name__}, not rows of choices")
        expected = _counts(items, labels)
        if len(raw.counts) != len(expected):
            raise ModelError(f"model {model}: {len(raw.counts):,} answers to {len(expected):,} items")
        wrong = np.flatnonzero(raw.counts != expected)
        if wrong.size:
            first = int(wrong[0])
            raise ModelError(
                f"model {model}: item {items.ids[first]!r} has {expected[first]} options, the model answers "
                f"{raw.counts[first]}"
            )
        shares = raw.values[:, PROBABILITY]
        starts = np.cumsum(raw.counts) - raw.counts
        sums = np.add.reduceat(shares, starts)
        # A comparison with NaN is false, so NaN is never within.
        within = (np.minimum.reduceat(shares, starts) >= 0) & (np.abs(sums - 1) <= SUM_TOLERANCE)
        if not within.all():
            first = int(np.flatnonzero(~within)[0])
            own = shares[starts[first] : starts[first] + raw.counts[first]]
            raise ModelError(
                f"model {model}: item {items.ids[first]!r}: {own.tolist()} are not probabilities that sum to 1"
            )
        return raw

    def in_order(
        self, rows: Rows, model_labels: Sequence[str], labels: Sequence[str], *, model: str, reference: str
    ) -> Rows:
        """The rows of each item in the order of the reference's labels; as they are if items have their own options."""
        if tuple(model_labels) == tuple(labels):
            return rows
        if sorted(model_labels) != sorted(labels):
            raise LabelError(
                f"model {model} chooses from {list(model_labels)}, the reference {reference} from {list(labels)}"
            )
        order = [list(model_labels).index(label) for label in labels]
        values = rows.values.reshape(len(rows), len(labels), -1)[:, order]
        return Rows(values.reshape(rows.values.shape), rows.counts)

    def gold(self, items: Items, labels: Sequence[str]) -> NDArray[np.int64] | None:
        """Codes of the shared labels, matched by name, or positions among the item's own options."""
        return items.gold(labels) if labels else items.labels

    def outcomes(self, rows: Rows, gold: NDArray[np.int64] | None, labels: Sequence[str] = ()) -> Outcomes:
        """One per item; with a distribution if the labels are shared."""
        counts = np.ones(len(rows), np.int64) if rows.counts is None else rows.counts
        starts = np.cumsum(counts) - counts
        numbers = {}
        for name, column in (("mass", RAW), ("order-effect", ORDER_EFFECT)):
            # From the smallest to the largest, so that the order of the options does not change a bit.
            numbers_of_item = rows.values[np.lexsort((rows.values[:, column], rows.item)), column]
            sums = np.add.reduceat(numbers_of_item, starts)
            if not np.isnan(sums).any():
                numbers[name] = sums
        best = most_probable(_padded(rows.values[:, PROBABILITY], counts), gold)
        return replace(
            best,
            distribution=best.distribution if labels else None,
            chance=None if labels else 1 / counts,
            numbers=numbers,
        )

    def answer_texts(
        self, codes: NDArray[np.int64], at: NDArray[np.int64], items: Items, labels: Sequence[str]
    ) -> Sequence[str]:
        """The labels, or the texts of the items' own options."""
        if items.options is None:
            return [labels[code] for code in codes.tolist()]
        return [items.options[i][code] for code, i in zip(codes.tolist(), at.tolist(), strict=True)]

    def shares(self, rows: Rows, at: int, items: Items, labels: Sequence[str]) -> Mapping[str, float]:
        """Each option's probability."""
        names = labels if items.options is None else items.options[at]
        return dict(zip(names, rows.take(np.array([at])).values[:, PROBABILITY].tolist(), strict=True))

    def targets(
        self, answers: Sequence[Rows], gold: NDArray[np.int64] | None, at: NDArray[np.int64], by: By
    ) -> NDArray[np.int64]:
        """The reference's choice, the right one, or each model's own."""
        return chosen(np.stack([self.outcomes(rows.take(at), None).answer for rows in answers]), gold, at, by)

    def table(self, rows: Rows) -> NDArray[np.float64]:
        """Log-probabilities [changes, options]."""
        shares = rows.values[:, PROBABILITY].reshape(len(rows), -1)
        return np.asarray(np.log(np.maximum(shares, SMALLEST)))

    def value(self, table: NDArray[np.float64], target: int, scale: Scale) -> NDArray[np.float64]:
        """An option's probability among the options, or the logarithm of its odds."""
        return on_scale(table, target, scale)


def _counts(items: Items, labels: Sequence[str]) -> NDArray[np.int64]:
    """How many options each item has [items]."""
    if items.options is None:
        return np.full(len(items), len(labels), dtype=np.int64)
    return np.array([len(own) for own in items.options], dtype=np.int64)


def _padded(shares: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities [items, options], those of options that an item does not have below any other."""
    padded = np.full((len(counts), int(counts.max())), -1.0)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    padded[np.repeat(np.arange(len(counts)), counts), np.arange(len(shares)) - starts] = shares
    return padded
