"""Answers to choices from what a language model makes of their continuations: log-probabilities in nats.

The score of a choice is the log-probability of its continuation, log p(c | prompt), by the task file's rule:
divided by the continuation's bytes, less log p(c | unconditional prompt), or, for letters, its mean over the orders.
The probability of a choice is the softmax of the scores of its item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.errors import ModelError
from trusteq.tasks.choices import ORDER_EFFECT, PROBABILITY, RAW
from trusteq.tasks.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.prompts.asked import Asked
    from trusteq.prompts.task_file import TaskFile


def choice_rows(
    task_file: TaskFile,
    asked: Sequence[Asked],
    log_probabilities: Sequence[NDArray[np.float64]],
    unconditional: Sequence[NDArray[np.float64]] | None = None,
) -> Rows:
    """A row for each choice of each item, as the task of choices has them.

    asked: all questions about all items. log_probabilities, unconditional: of the continuations of each question
    [choices], after its prompt and after its unconditional prompt.
    raw: the probability of the continuation itself. order_effect: half the mean change of the choice's probability
    from one order to the mean of all orders; NaN without letters.
    """
    counts = np.array([len(question.continuations) for question in asked], dtype=np.int64)
    log_p = _flat(log_probabilities, counts, asked)
    scores = log_p
    if task_file.minus_unconditional:
        scores = scores - _flat(unconditional or (), counts, asked)
    if task_file.score == "per_byte":
        scores = scores / [len(text.encode()) for question in asked for text in question.continuations]

    # Where the row of each continuation is: those of an item follow each other, in every order.
    items = np.array([question.item for question in asked], dtype=np.int64)
    choices = np.zeros(int(items.max()) + 1, dtype=np.int64)
    choices[items] = counts
    starts = np.cumsum(choices) - choices
    row = np.repeat(starts[items], counts) + _within(counts)
    first = np.repeat([question.order == 0 for question in asked], counts)
    counted = np.ones_like(first) if task_file.orders == "cyclic" else first

    size = int(choices.sum())
    values = np.full((size, 3), np.nan)
    values[:, PROBABILITY] = _softmax(_mean(scores[counted], row[counted], size), choices)
    values[:, RAW] = _mean(np.exp(log_p[counted]), row[counted], size)
    if task_file.score == "letters":
        in_order = _softmax(scores, counts)
        change = np.abs(in_order - _mean(in_order, row, size)[row])
        values[:, ORDER_EFFECT] = _mean(change, row, size) / 2
    return Rows(values, choices)


def _flat(
    arrays: Sequence[NDArray[np.float64]], counts: NDArray[np.int64], asked: Sequence[Asked]
) -> NDArray[np.float64]:
    """The numbers of all questions, one after the other; an error for the first that is not finite."""
    if [len(array) for array in arrays] != counts.tolist():
        raise ValueError("needs one log-probability for each continuation of each question")
    flat = np.concatenate([np.empty(0), *arrays]).astype(np.float64)
    unfit = np.flatnonzero(~np.isfinite(flat))
    if unfit.size:
        question = asked[int(np.searchsorted(np.cumsum(counts), unfit[0], side="right"))]
        raise ModelError(
            f"a choice of item {question.item + 1} has the log-probability {flat[unfit[0]]}; the model's numbers are "
            "out of range: run it in another dtype"
        )
    return flat


def _within(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... within each group of these sizes."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)


def _mean(values: NDArray[np.float64], row: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    """The mean of the values of each row [size]."""
    mean: NDArray[np.float64] = np.bincount(row, values, size) / np.bincount(row, minlength=size)
    return mean


def _softmax(scores: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The probabilities within each group of these sizes, which stand one after the other."""
    starts = np.cumsum(counts) - counts
    odds = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), counts))
    shares: NDArray[np.float64] = odds / np.repeat(np.add.reduceat(odds, starts), counts)
    return shares
