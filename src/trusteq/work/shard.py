"""A shard: a batch of questions to one model, with the same answers wherever it runs."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trusteq.models.probe import (
    CHUNK,
    by_length,
    predict_in_shape,
    probe,
    probe_answers,
    probe_result,
    sample_by_length,
)
from trusteq.models.traits import task_of, traits_of
from trusteq.tasks.rows import Rows, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.base import Model
    from trusteq.models.probe import ProbeResult

    Advance = Callable[[int], None]


@dataclass(frozen=True)
class Answered:
    """What a model answered: rows [rows, columns], and the length in tokens of each item that it had to truncate.

    counts: how many rows each item has; None if each has one.
    """

    rows: NDArray[np.float64]
    cut: Mapping[str, int] = field(default_factory=dict)
    counts: NDArray[np.int64] | None = None


class Shard(Protocol):
    """Questions to a model that are asked together; a plain value that can be sent to another process."""

    @property
    def items(self) -> int:
        """How many items it is about."""

    @property
    def size(self) -> int:
        """How many rows the answer will have."""

    def content(self) -> str:
        """SHA-256 of everything that decides the answer, apart from the model."""

    def run(self, model: Model, advance: Advance) -> Answered:
        """Ask the model; ``advance`` is called with the number of items done after each part."""


class Executor(Protocol):
    """Where shards are answered."""

    @property
    def threads(self) -> int:
        """How many threads: the last bits of some floating-point sums depend on it."""

    def answers(self, model: Model, shards: Sequence[Shard], advance: Advance) -> Iterator[tuple[int, Answered]]:
        """Each shard's number and answer, as they are done."""


class Here:
    """In this process, one shard after the other."""

    @property
    def threads(self) -> int:
        """As many as there are cores, unless the user set a number."""
        return requested_threads() or os.cpu_count() or 1

    def answers(self, model: Model, shards: Sequence[Shard], advance: Advance) -> Iterator[tuple[int, Answered]]:
        """Each shard's number and answer, in order."""
        for number, shard in enumerate(shards):
            yield number, shard.run(model, advance)


HERE = Here()


def requested_threads() -> int | None:
    """OMP_NUM_THREADS, which all libraries here follow; None where it is not set to a number."""
    setting = os.environ.get("OMP_NUM_THREADS", "")
    return int(setting) if setting.isdecimal() and int(setting) else None


SHARDS, SMALLEST = 16, 256
"""How many shards predictions are cut into, so that a few processes finish together; the fewest items of a shard."""


def in_order(answers: Iterable[tuple[int, Answered]]) -> Iterator[Answered]:
    """Answers in the order of their shards, whatever order they arrive in."""
    waiting: dict[int, Answered] = {}
    following = 0
    for number, answer in answers:
        waiting[number] = answer
        while following in waiting:
            yield waiting.pop(following)
            following += 1


@dataclass(frozen=True)
class Prediction:
    """Items to predict in calls of ``batch`` items, or all at once where that is None."""

    questions: Items
    batch: int | None = None

    @property
    def items(self) -> int:
        """How many items it is about."""
        return len(self.questions)

    @property
    def size(self) -> int:
        """One row an item."""
        return len(self.questions)

    def content(self) -> str:
        """SHA-256 of the items and the batch size."""
        return digest("prediction", self.batch, self.questions.content())

    def run(self, model: Model, advance: Advance) -> Answered:
        """The model's checked answers."""
        cut = traits_of(model).truncated
        for id_ in self.questions.ids:  # an item of other data may have the same id
            cut.pop(id_, None)
        rows = predict_in_shape(model, self.questions, self.batch or len(self.questions), advance)
        return Answered(rows.values, {id_: cut[id_] for id_ in self.questions.ids if id_ in cut}, rows.counts)


@dataclass(frozen=True)
class Probe:
    """Items to predict in several ways, to see whether the answers depend on it."""

    questions: Items

    @property
    def items(self) -> int:
        """0: progress counts these items when they are predicted."""
        return 0

    @property
    def size(self) -> int:
        """Three answers an item."""
        return 3 * len(self.questions)

    def content(self) -> str:
        """SHA-256 of the items."""
        return digest("probe", self.questions.content())

    def run(self, model: Model, advance: Advance) -> Answered:
        """The answers of every way."""
        rows = probe_answers(model, self.questions)
        return Answered(rows.values, counts=rows.counts)


def probe_at(executor: Executor, model: Model, items: Items) -> ProbeResult:
    """The same as `models.probe.probe`, with the model run by the executor."""
    if not traits_of(model).runs:
        return probe(model, items)
    ((_, answer),) = executor.answers(
        model, [Probe(items.take(sample_by_length(items, traits_of(model).probed)))], lambda n: None
    )
    return probe_result(Rows(answer.rows, answer.counts), task_of(model))


def predict_at(
    executor: Executor,
    model: Model,
    items: Items,
    *,
    batch: int | None = None,
    advance: Advance = lambda n: None,
) -> Rows:
    """Checked answers, in calls of ``batch`` consecutive items.

    batch None: answers do not depend on the batch, so a shard holds items of similar length, with little padding.
    """
    size = min(max(len(items) // SHARDS, SMALLEST), CHUNK)
    order = np.arange(len(items))
    if batch is None:
        order = by_length(items)
    else:
        size = max(size // batch, 1) * batch
    shards = [Prediction(items.take(order[at : at + size]), batch) for at in range(0, len(items), size)]
    parts: list[Rows] = []
    for answer in in_order(executor.answers(model, shards, advance)):
        parts.append(Rows(answer.rows, answer.counts))
        # As the model itself would have recorded had it run in this process.
        traits_of(model).truncated.update(answer.cut)
    position = np.empty(len(items), dtype=np.int64)
    position[order] = np.arange(len(items))
    return joined(parts).take(position)


def digest(*parts: Any) -> str:
    """SHA-256 of values that JSON can hold."""
    return hashlib.sha256(
        json.dumps(parts, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
    ).hexdigest()
