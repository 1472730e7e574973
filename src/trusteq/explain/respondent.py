"""A respondent: a model with everything needed to run it in an audit: order of labels, batch size and executor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from trusteq.explain.value_tables import value_tables
from trusteq.explain.words import REMOVE
from trusteq.models.traits import task_of
from trusteq.progress import silent
from trusteq.tasks.rows import Rows
from trusteq.work.shard import HERE, predict_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.explain.value_tables import Question
    from trusteq.models.base import Model
    from trusteq.progress import Tell
    from trusteq.tasks.task import Task
    from trusteq.work.shard import Executor


@dataclass(frozen=True)
class Respondent:
    """A model, and everything needed to run it.

    labels: the order of labels in its answers. answers: to all items, in that order. batch: the fixed number of items
    per call; None if its answers do not depend on the batch. executor: where it runs. progress: called with
    (stage, done, total).
    """

    model: Model
    labels: tuple[str, ...]
    answers: Rows
    batch: int | None = None
    executor: Executor = HERE
    progress: Tell = silent

    @property
    def name(self) -> str:
        """The model's name, for messages."""
        return self.model.name

    @property
    def task(self) -> Task:
        """The model's task."""
        return task_of(self.model)

    @property
    def alone(self) -> bool:
        """Whether changed items must be answered one at a time."""
        return self.batch is not None

    @cached_property
    def order(self) -> list[int]:
        """The column of each label in the model's answers."""
        return [self.model.labels.index(label) for label in self.labels]

    def through(self, model: Model) -> Respondent:
        """The same respondent with another model, such as itself in a lower precision."""
        return self if model is self.model else replace(self, model=model)

    def tables(
        self,
        questions: Sequence[Question],
        *,
        perturb: str = REMOVE,
        segments: Sequence[str] = (),
        advance: Callable[[int], None] = lambda n: None,
    ) -> list[NDArray[np.float64]]:
        """Log-probabilities [masks, labels] of each question, by ``labels``; arguments as in `value_tables`."""
        tables = value_tables(
            self.model,
            questions,
            perturb=perturb,
            alone=self.alone,
            segments=segments,
            advance=advance,
            executor=self.executor,
        )
        return [table[:, self.order] for table in tables] if self.order else tables

    def ordinary(self, items: Items, at: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        """Its answers to these complete items, each [labels], run in the same way as changed ones."""
        answers = self.answers.take(at)
        if self.alone:
            answers = predict_at(self.executor, self.model, items.take(at), batch=1)
        tables = [np.exp(self.task.table(answers.take(np.array([i])))[0]) for i in range(len(answers))]
        return [table[self.order] for table in tables] if self.alone and self.order else tables

    def counted(self, stage: str, total: int) -> Callable[[int], None]:
        """A function that reports how many more are done; 0 is reported at once."""
        done = 0
        self.progress(stage, 0, total)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            self.progress(stage, done, total)

        return advance


def respondents(
    models: Sequence[Model],
    answers: Sequence[NDArray[np.float64]],
    labels: Sequence[str],
    *,
    batches: Sequence[int | None] | None = None,
    executor: Executor = HERE,
    progress: Tell = silent,
) -> list[Respondent]:
    """Classifiers with their answers to all items [items, labels] and fixed batch sizes."""
    sizes = [None] * len(models) if batches is None else batches
    return [
        Respondent(model, tuple(labels), Rows(rows), batch, executor, progress)
        for model, rows, batch in zip(models, answers, sizes, strict=True)
    ]
