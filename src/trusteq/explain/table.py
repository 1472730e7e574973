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
from trusteq.explain.splice import splicer
from trusteq.models.probe import BATCH_TOLERANCE, predict_in_shape
from trusteq.models.token_rows import joined
from trusteq.models.traits import task_of, traits_of
from trusteq.work.shard import HERE, Answered, digest, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from trusteq.explain.units import Units
    from trusteq.models.base import Model
    from trusteq.models.token_rows import TokenModel
    from trusteq.work.shard import Executor

ROWS = 4
"""Perturbations put together before a model is asked, for each token of its budget: enough of them to sort well, few
enough to share out."""

SMALLEST = 1e-15
"""What a probability of 0 counts as where a model gives no logits."""

REMOVE, MASK = "remove", "mask"


@dataclass(frozen=True)
class Question:
    """What is asked about an item: its units, and which of them each perturbation keeps [masks, units], first all."""

    units: Units
    masks: NDArray[np.bool_]


def explainable(model: Model) -> bool:
    """Whether a model can be asked about texts that are not in the data, and its task says what that explains."""
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

    ``perturb`` is "remove", "mask" for the tokenizer's mask token, or a text to put in place of each unit left out.
    ``alone`` asks for one row at a time, for models whose answers depend on their batch. ``segments`` are the names
    that a model finds the texts under. ``advance`` is told the number of items after each chunk. ``executor`` says
    where the model is asked.
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
        """SHA-256 of texts, units, masks and how they are asked."""
        asked = [
            (
                q.units.texts,
                q.units.spans.tolist(),
                q.units.unit.tolist(),
                q.masks.shape,
                np.packbits(q.masks).tobytes().hex(),
            )
            for q in self.questions
        ]
        return digest("perturbation", self.perturb, self.alone, self.segments, asked)

    def run(self, model: Model, advance: Callable[[int], None]) -> Answered:
        """Log-probabilities [perturbations, labels], one question's after the other's."""
        by_tokens = traits_of(model).tokens
        if by_tokens is not None:
            ask = _tokens(by_tokens, self.perturb, self.alone)
        else:
            ask = _texts(model, self.perturb, self.alone, self.segments)
        rows = ask(self.questions)
        ends = np.cumsum([len(q.masks) for q in self.questions])
        tables = np.split(rows, ends[:-1])
        finite = [_finite(model, question, table) for question, table in zip(self.questions, tables, strict=True)]
        advance(len(self.questions))
        return Answered(np.concatenate(finite))


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
            f"model {model.name}: item {item!r} with no word left out is answered differently (a probability moved by "
            f"{moved:.2g}) from the item itself: its explanation would be of another input, or the model does not "
            "answer the same twice"
        )


def _finite(model: Model, question: Question, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """The log-probabilities [masks, labels], those of 0 in a row as `SMALLEST`; an error for what is no number."""
    nothing = np.flatnonzero(np.isnan(table).any(axis=1))
    if nothing.size:
        texts = question.units.render(question.masks[nothing[0]])
        raise ModelError(f"model {model.name}: its answer to the perturbed text {str(texts)[:80]} is no number")
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


def _tokens(model: TokenModel, perturb: str, alone: bool) -> Callable[[Sequence[Question]], NDArray[np.float64]]:
    replacement = None if perturb == REMOVE else perturb
    if perturb == MASK:
        replacement = model.mask_token
        if replacement is None:
            raise OptionError(f"model {model.name}: its tokenizer has no mask token; leave words out instead (remove)")
    make = splicer(model, replacement)

    def ask(chunk: Sequence[Question]) -> NDArray[np.float64]:
        # Any row but the first will do to check the splice; the middle one is as good as a random one.
        rows = joined([make.rows(q.units, q.masks, len(q.masks) // 2) for q in chunk])
        return model.answer(rows, alone=alone)

    return ask


def _texts(
    model: Model, perturb: str, alone: bool, names: Sequence[str]
) -> Callable[[Sequence[Question]], NDArray[np.float64]]:
    if perturb == MASK:
        raise OptionError(f"model {model.name} has no tokenizer and so no mask token; leave words out instead (remove)")
    replacement = None if perturb == REMOVE else perturb

    def ask(chunk: Sequence[Question]) -> NDArray[np.float64]:
        texts = [text for q in chunk for text in q.units.render_many(q.masks, replacement)]
        parts = list(zip(*texts, strict=True))
        segments = dict(zip(names or [f"segment {i}" for i in range(len(parts))], map(list, parts), strict=True))
        items = Items([str(i) for i in range(len(texts))], segments, may_be_empty=True)
        answers = predict_in_shape(model, items, 1 if alone else len(items))
        return np.asarray(np.log(np.maximum(answers.values, SMALLEST)))

    return ask
