"""Value tables: a model's answers to the changed versions of items.

Rows of many items fill one token budget, sorted by length, so that there is little padding and no batch is small.
The version that keeps every unit must have the item's ordinary tokens, checked for every item by `splice`, and get its
ordinary answer, checked by `round_trip`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from trusteq.data.items import Items
from trusteq.errors import ModelError, OptionError
from trusteq.explain.splice import by_tokens
from trusteq.explain.words import REMOVE
from trusteq.models.probe import BATCH_TOLERANCE, predict_in_shape
from trusteq.models.traits import task_of, traits_of
from trusteq.tasks.classes import SMALLEST
from trusteq.tasks.rows import Rows
from trusteq.work.shard import HERE, Answered, digest, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from trusteq.data.segment import Segment
    from trusteq.explain.plan import Plan
    from trusteq.explain.units import DrawingUnits, Units
    from trusteq.models.base import Model
    from trusteq.tasks.task import Task
    from trusteq.work.shard import Executor

ROWS = 4
"""Rows per token of a model's budget that are answered together: enough to sort well, few enough to distribute."""


@dataclass(frozen=True)
class Question:
    """A question about an item: its units, and which of them each version keeps [masks, units], the first all.

    options: the answers that the item offers, if it has its own. drawn: the number of what stands in for units left
    out [masks], where that is drawn.
    """

    units: Units
    masks: NDArray[np.bool_]
    options: tuple[str, ...] | None = None
    drawn: NDArray[np.int64] | None = None

    def versions(self, perturb: str) -> tuple[Segment, ...]:
        """The item's versions, as one segment for each of the item's."""
        if self.drawn is None:
            return self.units.render(self.masks, perturb)
        return cast("DrawingUnits", self.units).beside(self.drawn).render(self.masks, perturb)

    def part(self, masks: NDArray[np.int64]) -> Question:
        """The question about these of the versions."""
        return replace(self, masks=self.masks[masks], drawn=None if self.drawn is None else self.drawn[masks])


def planned(units: Units, plan: Plan, options: tuple[str, ...] | None) -> Question:
    """The question of all versions that a plan says."""
    return Question(units, plan.masks, options, plan.drawn)


def explainable(model: Model) -> bool:
    """Whether a model can answer changed items, and its task can be explained."""
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
    """Log-probabilities [masks, labels] of each question.

    ``perturb`` says what replaces units left out: "remove" for nothing; for texts also "mask" for the tokenizer's mask
    token, or any text. ``alone`` runs one row at a time, for models whose answers depend on the batch. ``segments`` are
    the names of the items' segments. ``advance`` is called with the number of items after each chunk. ``executor`` runs
    the model.
    """
    if not explainable(model):
        raise ModelError(f"model {model.name} cannot run on changed items; skip explanations (--no-explain)")
    rows = ROWS * traits_of(model).budget
    shards = [Perturbation(tuple(chunk), perturb, alone, tuple(segments)) for chunk in _chunks(questions, rows)]
    tables = []
    for shard, answer in zip(shards, in_order(executor.answers(model, shards, advance)), strict=True):
        tables += _tables(answer, [len(q.masks) for q in shard.questions], task_of(model))
    return tables


@dataclass(frozen=True)
class Perturbation:
    """Questions that are answered together, with the arguments of `value_tables`."""

    questions: tuple[Question, ...]
    perturb: str
    alone: bool
    segments: tuple[str, ...]

    @property
    def items(self) -> int:
        """The number of items."""
        return len(self.questions)

    @property
    def size(self) -> int:
        """The number of changed items."""
        return sum(len(q.masks) for q in self.questions)

    def content(self) -> str:
        """SHA-256 of units, masks and arguments."""
        questions = [
            (
                *q.units.content(),
                q.masks.shape,
                np.packbits(q.masks).tobytes().hex(),
                *(() if q.drawn is None else (q.drawn.tolist(),)),
                *(() if q.options is None else (q.options,)),
            )
            for q in self.questions
        ]
        return digest("perturbation", self.perturb, self.alone, self.segments, questions)

    def run(self, model: Model, advance: Callable[[int], None]) -> Answered:
        """Log-probabilities [changed items, labels], question by question."""
        tokens, rows = traits_of(model).tokens, None
        if tokens is not None:
            rows = by_tokens(tokens, ((q.units, q.masks) for q in self.questions), self.perturb, alone=self.alone)
        if rows is None:
            answers = self._rendered(model)
            if answers.counts is not None:
                advance(len(self.questions))
                return Answered(answers.values, counts=answers.counts)
            rows = task_of(model).table(answers)
        ends = np.cumsum([len(q.masks) for q in self.questions])
        tables = np.split(rows, ends[:-1])
        finite = [_finite(model, question, table) for question, table in zip(self.questions, tables, strict=True)]
        advance(len(self.questions))
        return Answered(np.concatenate(finite))

    def _rendered(self, model: Model) -> Rows:
        """The answers to all changed items, predicted like those of any items."""
        try:
            parts = [q.versions(self.perturb) for q in self.questions]
        except OptionError as error:
            raise OptionError(f"model {model.name} {error}") from None
        names = self.segments or [f"segment {number}" for number in range(len(parts[0]))]
        segments = {name: type(of[0]).joined(of) for name, of in zip(names, zip(*parts, strict=True), strict=True)}
        options = [q.options for q in self.questions for _ in q.masks if q.options is not None] or None
        items = Items([str(i) for i in range(self.size)], segments, options=options, may_be_empty=True)
        return predict_in_shape(model, items, 1 if self.alone else len(items))


def _tables(answer: Answered, sizes: Sequence[int], task: Task) -> list[NDArray[np.float64]]:
    """The table of each question, which ask about so many changed items."""
    ends = np.cumsum(sizes)
    if answer.counts is None:
        return np.split(answer.rows, ends[:-1])
    every = Rows(answer.rows, answer.counts)
    return [task.table(every.take(np.arange(end - size, end))) for size, end in zip(sizes, ends.tolist(), strict=True)]


def round_trip(
    model: Model,
    table: NDArray[np.float64],
    predicted: NDArray[np.float64],
    item: str,
    tolerance: float = BATCH_TOLERANCE,
) -> None:
    """Raise an error unless the version that keeps every unit got the ordinary prediction [labels]."""
    moved = float(np.abs(np.exp(table[0]) - predicted).max())
    if not moved <= tolerance:
        raise ModelError(
            f"model {model.name}: item {item!r}: with no unit left out, the answer differs from the ordinary one (a "
            f"probability moved by {moved:.2g}): the rebuilt input differs, or the model is not deterministic"
        )


def _finite(model: Model, question: Question, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """The log-probabilities [masks, labels], with `SMALLEST` for probabilities of 0; an error for NaN."""
    nans = np.flatnonzero(np.isnan(table).any(axis=1))
    if nans.size:
        changed = question.part(nans[:1]).versions(REMOVE)
        kinds = " and ".join(dict.fromkeys(segment.kind for segment in changed))
        shown = str(tuple(segment[0] for segment in changed))[:80]
        raise ModelError(f"model {model.name}: its answer to the changed {kinds} {shown} is not a number")
    zero = np.isneginf(table).any(axis=1, keepdims=True)
    return np.where(zero, np.maximum(table, np.log(SMALLEST)), table)


def _chunks(questions: Sequence[Question], max_rows: int) -> Iterator[list[Question]]:
    chunk: list[Question] = []
    rows = 0
    for question in questions:
        if chunk and rows + len(question.masks) > max_rows:
            yield chunk
            chunk, rows = [], 0
        chunk.append(question)
        rows += len(question.masks)
    if chunk:
        yield chunk
