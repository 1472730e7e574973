"""Whether a model's ordinary answers are those that it gives in its slow and obviously right way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.models.base import Finding
from trusteq.models.probe import sample_by_length
from trusteq.models.traits import task_of, traits_of
from trusteq.work.shard import Answered, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.base import Model
    from trusteq.tasks.rows import Rows
    from trusteq.work.shard import Executor

SAMPLE = 8
"""Items of all lengths that are also answered plainly."""

KIND = "plain forward"
"""The kind of the finding."""

RAW = "raw"
"""The column of an answer that has the probability of the continuation itself."""

TOLERANCE = 1e-4
"""The largest difference of a log-probability that counts as rounding in 32 bits."""


@dataclass(frozen=True)
class Plainly:
    """Items to answer in the model's plain way."""

    questions: Items

    @property
    def items(self) -> int:
        """0: progress counts these items when they are predicted."""
        return 0

    @property
    def size(self) -> int:
        """One answer an item."""
        return len(self.questions)

    def content(self) -> str:
        """SHA-256 of the items."""
        return digest("plainly", self.questions.content())

    def run(self, model: Model, advance: Callable[[int], None]) -> Answered:
        """The model's plain answers."""
        plain = traits_of(model).plain
        raw = (plain() if plain else model).predict(self.questions)
        rows = task_of(model).checked(raw, items=self.questions, labels=model.labels, model=model.name)
        return Answered(rows.values, counts=rows.counts)


def plain_check(executor: Executor, model: Model, items: Items, answers: Rows) -> tuple[Finding, ...]:
    """How near its answers to these items are to its plain ones; nothing if it has but one way to answer."""
    if traits_of(model).plain is None:
        return ()
    at = sample_by_length(items, SAMPLE)
    ((_, plain),) = executor.answers(model, [Plainly(items.take(at))], lambda n: None)
    column = task_of(model).columns(model.labels).index(RAW)
    difference = largest_difference(answers.take(at).values[:, column], plain.rows[:, column])
    equal = "equal" if difference <= TOLERANCE else "differ from"
    message = (
        f"log-probabilities {equal} those of the plain forward, one text at a time with nothing shared: the largest "
        f"difference is {difference:.1g}, as checked on {len(at)} {'items' if len(at) > 1 else 'item'}"
    )
    if difference > traits_of(model).rounding:
        message += ", so all items were answered again by the plain forward"
    return (Finding(model.name, KIND, message, difference),)


def too_far(model: Model, findings: Sequence[Finding]) -> bool:
    """Whether these findings of it say that its answers are too far from its plain ones to be used."""
    limit = traits_of(model).rounding
    return any(finding.value > limit for finding in findings if finding.kind == KIND)


def largest_difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The largest difference of the logarithms of two models' probabilities, where neither is 0 or unknown."""
    both = (first > 0) & (second > 0)
    return float(np.abs(np.log(first[both]) - np.log(second[both])).max(initial=0.0))
