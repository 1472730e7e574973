"""Value tables: what a model answers to the perturbations of items.

Rows of many items fill one token budget, sorted by length, so that hardly anything is padded and no batch is small.
The perturbation that keeps every unit gives the model its ordinary tokens, checked on every item by `splice`, and must
give its ordinary answer, checked by `round_trip`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.items import Items
from trusteq.errors import ModelError, OptionError
from trusteq.explain.splice import by_tokens
from trusteq.explain.words import REMOVE
from trusteq.models.probe import BATCH_TOLERANCE, predict_in_shape
from trusteq.models.traits import task_of, traits_of
from trusteq.work.shard import HERE, Answered, digest, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from trusteq.explain.units import Units
    from trusteq.models.base import Model
    from trusteq.work.shard import Executor

ROWS = 4
"""Perturbations put together before a model is asked, for each token of its budget: enough of them to sort well, few
enough to share out."""

SMALLEST = 1e-15
"""What a probability of 0 counts as where a model gives no logits."""


@dataclass(frozen=True)
class Question:
    """What is asked about an item: its units, and which of them each perturbation keeps [masks, units], first all."""

    units: Units
    masks: NDArray[np.bool_]


def explainable(model: Model) -> bool:
    """Whether a model can be asked about items that are not in the data, and its task says what that explains."""
    return traits_of(model).changeable and task_of(model).explained


def value_tables(
    model: Model,
    questions: Sequence[Question],
    *,
    perturb: str = REMOVE,
    alone: bool = False,
    segments: Sequence[str] = (),
    advance: Callable[[int], None] = lambda n: None,
    executor: Executor = HERE,
) -> list[NDArray[np.float64]]:
    """Log-probabilities [masks, labels] of each question's perturbations.

    ``perturb`` says what becomes of units left out: "remove" of every kind, of texts also "mask" for the tokenizer's
    mask token, or a text to put in their place. ``alone`` asks for one row at a time, for models whose answers depend
    on their batch. ``segments`` are the names that a model finds the items' segments under. ``advance`` is told the
    number of items after each chunk. ``executor`` says where the model is asked.
    """
    if not explainable(model):
        raise ModelError(f"model {model.name} cannot be asked about perturbed texts; explain without it (--no-explain)")
    most = ROWS * traits_of(model).budget
    shards = [Perturbation(tuple(chunk), perturb, alone, tuple(segments)) for chunk in _chunks(questions, most)]
    tables = []
    for shard, answer in zip(shards, in_order(executor.answers(model, shards, advance)), strict=True):
        tables += np.split(answer.rows, np.cumsum([len(q.masks) for q in shard.questions])[:-1])
    return tables


@dataclass(frozen=True)
class Perturbation:
    """Questions whose perturbations are asked together, and how: as `value_tables` is told."""

    questions: tuple[Question, ...]
    perturb: str
    alone: bool
    segments: tuple[str, ...]

    @property
    def items(self) -> int:
        """How many items it is about."""
        return len(self.questions)

    @property
    def size(self) -> int:
        """How many perturbations."""
        return sum(len(q.masks) for q in self.questions)

    def content(self) -> str:
        """SHA-256 of units, masks and how they are asked."""
        questions = [(*q.units.content(), q.masks.shape, np.packbits(q.masks).tobytes().hex()) for q in self.questions]
        return digest("perturbation", self.perturb, self.alone, self.segments, questions)

    def run(self, model: Model, advance: Callable[[int], None]) -> Answered:
        """Log-probabilities [perturbations, labels], one question's after the other's."""
        tokens, rows = traits_of(model).tokens, None
        if tokens is not None:
            rows = by_tokens(tokens, ((q.units, q.masks) for q in self.questions), self.perturb, alone=self.alone)
        if rows is None:
            rows = self._rendered(model)
        ends = np.cumsum([len(q.masks) for q in self.questions])
        tables = np.split(rows, ends[:-1])
        finite = [_finite(model, question, table) for question, table in zip(self.questions, tables, strict=True)]
        advance(len(self.questions))
        return Answered(np.concatenate(finite))

    def _rendered(self, model: Model) -> NDArray[np.float64]:
        """Log-probabilities [perturbations, labels], asked as any items are."""
        try:
            parts = [q.units.render(q.masks, self.perturb) for q in self.questions]
        except OptionError as error:
            raise OptionError(f"model {model.name} {error}") from None
        names = self.segments or [f"segment {number}" for number in range(len(parts[0]))]
        segments = {name: type(own[0]).joined(own) for name, own in zip(names, zip(*parts, strict=True), strict=True)}
        items = Items([str(i) for i in range(self.size)], segments, may_be_empty=True)
        answers = predict_in_shape(model, items, 1 if self.alone else len(items))
        return np.asarray(np.log(np.maximum(answers.values, SMALLEST)))


def round_trip(
    model: Model,
    table: NDArray[np.float64],
    predicted: NDArray[np.float64],
    item: str,
    tolerance: float = BATCH_TOLERANCE,
) -> None:
    """Nothing when the perturbation that keeps every unit got the ordinary prediction [labels], else an error."""
    moved = float(np.abs(np.exp(table[0]) - predicted).max())
    if not moved <= tolerance:
        raise ModelError(
            f"model {model.name}: item {item!r} with nothing left out is answered differently (a probability moved by "
            f"{moved:.2g}) from the item itself: its explanation would be of another input, or the model does not "
            "answer the same twice"
        )


def _finite(model: Model, question: Question, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """The log-probabilities [masks, labels], those of 0 in a row as `SMALLEST`; an error for what is no number."""
    nothing = np.flatnonzero(np.isnan(table).any(axis=1))
    if nothing.size:
        changed = question.units.render(question.masks[nothing[:1]], REMOVE)
        what = " and ".join(dict.fromkeys(segment.kind for segment in changed))
        shown = str(tuple(segment[0] for segment in changed))[:80]
        raise ModelError(f"model {model.name}: its answer to the perturbed {what} {shown} is no number")
    zero = np.isneginf(table).any(axis=1, keepdims=True)
    return np.where(zero, np.maximum(table, np.log(SMALLEST)), table)


def _chunks(questions: Sequence[Question], most: int) -> Iterator[list[Question]]:
    chunk: list[Question] = []
    rows = 0
    for question in questions:
        if chunk and rows + len(question.masks) > most:
            yield chunk
            chunk, rows = [], 0
        chunk.append(question)
        rows += len(question.masks)
    if chunk:
        yield chunk
