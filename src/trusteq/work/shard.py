"""A shard: so many questions to one model, answered anywhere with the same result."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trusteq.models.probe import CHUNK, SAMPLE, by_length, predict_in_shape, probe, probed, probing, spread
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
    """What a model answered: rows [rows, columns], and which items it could not read whole, with their length.

    counts: how many rows each item has; None where each has one.
    """

    rows: NDArray[np.float64]
    cut: Mapping[str, int] = field(default_factory=dict)
    counts: NDArray[np.int64] | None = None


class Shard(Protocol):
    """Questions to a model that are asked together; a plain value, so that another process can be given it."""

    @property
    def items(self) -> int:
        """How many items it is about."""

    @property
    def size(self) -> int:
        """How many rows the answer has."""

    def content(self) -> str:
        """SHA-256 of everything but the model that decides the answer."""

    def run(self, model: Model, advance: Advance) -> Answered:
        """Ask the model; ``advance`` is told the number of items after each part."""


class Executor(Protocol):
    """Where shards are answered."""

    @property
    def threads(self) -> int:
        """With how many threads: some sums of floating-point numbers come out otherwise in their last bits."""

    def answers(self, model: Model, shards: Sequence[Shard], advance: Advance) -> Iterator[tuple[int, Answered]]:
        """Each shard's number and answer, as they are done."""


class Here:
    """In this process, one shard after the other."""

    @property
    def threads(self) -> int:
        """As many as there are cores, unless the user said otherwise."""
        return threads_asked() or os.cpu_count() or 1

    def answers(self, model: Model, shards: Sequence[Shard], advance: Advance) -> Iterator[tuple[int, Answered]]:
        """Each shard's number and answer, in order."""
        for number, shard in enumerate(shards):
            yield number, shard.run(model, advance)


HERE = Here()


def threads_asked() -> int | None:
    """What OMP_NUM_THREADS says, which all libraries here follow."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() and int(said) else None


SHARDS, SMALLEST = 16, 256
"""Into how many shards predictions are cut, so that a few processes end together; how many items one has at least."""


def in_order(answers: Iterable[tuple[int, Answered]]) -> Iterator[Answered]:
    """Answers in the order of their shards, whatever order they are done in."""
    waiting: dict[int, Answered] = {}
    wanted = 0
    for number, answer in answers:
        waiting[number] = answer
        while wanted in waiting:
            yield waiting.pop(wanted)
            wanted += 1


@dataclass(frozen=True)
class Prediction:
    """Items that a model answers in calls of ``batch`` items, or all at once where that is None."""

    asked: Items
    batch: int | None = None

    @property
    def items(self) -> int:
        """How many items it is about."""
        return len(self.asked)

    @property
    def size(self) -> int:
        """As many rows."""
        return len(self.asked)

    def content(self) -> str:
        """SHA-256 of items and batch."""
        return digest("prediction", self.batch, self.asked.content())

    def run(self, model: Model, advance: Advance) -> Answered:
        """The model's checked answers."""
        cut = traits_of(model).truncated
        for id_ in self.asked.ids:  # an item of other data may have had the same id
            cut.pop(id_, None)
        rows = predict_in_shape(model, self.asked, self.batch or len(self.asked), advance)
        return Answered(rows.values, {id_: cut[id_] for id_ in self.asked.ids if id_ in cut}, rows.counts)


@dataclass(frozen=True)
class Probe:
    """Items that a model is asked about in several ways, to see whether its answers depend on them."""

    asked: Items

    @property
    def items(self) -> int:
        """None: they are predicted later."""
        return 0

    @property
    def size(self) -> int:
        """Three answers an item."""
        return 3 * len(self.asked)

    def content(self) -> str:
        """SHA-256 of the items."""
        return digest("probe", self.asked.content())

    def run(self, model: Model, advance: Advance) -> Answered:
        """All answers."""
        rows = probing(model, self.asked)
        return Answered(rows.values, counts=rows.counts)


def probe_at(executor: Executor, model: Model, items: Items) -> ProbeResult:
    """The same as `models.probe.probe`, asked there."""
    if not traits_of(model).runs:
        return probe(model, items)
    ((_, answer),) = executor.answers(model, [Probe(items.take(spread(items, SAMPLE)))], lambda n: None)
    return probed(Rows(answer.rows, answer.counts), task_of(model))


def predict_at(
    executor: Executor,
    model: Model,
    items: Items,
    *,
    batch: int | None = None,
    advance: Advance = lambda n: None,
) -> Rows:
    """Checked answers, in calls of ``batch`` consecutive items; None where the company does not matter.

    Then a shard holds items of like length, so that hardly anything is padded.
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
        # Of a model that remembers which items it could not read whole.
        traits_of(model).truncated.update(answer.cut)
    place = np.empty(len(items), dtype=np.int64)
    place[order] = np.arange(len(items))
    return joined(parts).take(place)


def digest(*parts: Any) -> str:
    """SHA-256 of values that JSON can hold."""
    return hashlib.sha256(
        json.dumps(parts, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
    ).hexdigest()
