"""A model as an audit asks it: in which order its labels are wanted, how it is held to a batch, and where it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from trusteq.explain.value_tables import value_tables
from trusteq.explain.words import REMOVE
from trusteq.models.traits import task_of
from trusteq.tasks.rows import Rows
from trusteq.work.shard import HERE, predict_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.explain.value_tables import Question
    from trusteq.models.base import Model
    from trusteq.tasks.task import Task
    from trusteq.work.shard import Executor

    Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Respondent:
    """A model, and all that asking it takes.

    labels: the order in which its answers are wanted. answers: those to all items, in that order. batch: the items a
    call that it is held to; None where its answers do not depend on their company. executor: where it is asked. tell:
    who is told how far that is.
    """

    model: Model
    labels: tuple[str, ...]
    answers: Rows
    batch: int | None = None
    executor: Executor = HERE
    tell: Progress = silent

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.model.name

    @property
    def task(self) -> Task:
        """What it is asked of an item."""
        return task_of(self.model)

    @property
    def alone(self) -> bool:
        """Whether changed items must be asked one at a time."""
        return self.batch is not None

    @cached_property
    def order(self) -> list[int]:
        """Where the model has each of the labels."""
        return [self.model.labels.index(label) for label in self.labels]

    def through(self, model: Model) -> Respondent:
        """The same, asked through another model: itself in a lower precision, say."""
        return self if model is self.model else replace(self, model=model)

    def tables(
        self,
        questions: Sequence[Question],
        *,
        perturb: str = REMOVE,
        segments: Sequence[str] = (),
        advance: Callable[[int], None] = lambda n: None,
    ) -> list[NDArray[np.float64]]:
        """Log-probabilities [masks, labels] of each question's perturbations; otherwise as `value_tables` has it."""
        found = value_tables(
            self.model,
            questions,
            perturb=perturb,
            alone=self.alone,
            segments=segments,
            advance=advance,
            executor=self.executor,
        )
        return [table[:, self.order] for table in found]

    def ordinary(self, items: Items, at: NDArray[np.int64]) -> NDArray[np.float64]:
        """What it answers to these items whole [at, labels], asked as changed ones are."""
        if not self.alone:
            return self.answers.take(at).values
        return predict_at(self.executor, self.model, items.take(at), batch=1).values[:, self.order]

    def counted(self, stage: str, total: int) -> Callable[[int], None]:
        """To be told how many more are done; says so from the start."""
        done = 0
        self.tell(stage, 0, total)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            self.tell(stage, done, total)

        return advance


def respondents(
    models: Sequence[Model],
    answers: Sequence[NDArray[np.float64]],
    labels: Sequence[str],
    *,
    batches: Sequence[int | None] | None = None,
    executor: Executor = HERE,
    tell: Progress = silent,
) -> list[Respondent]:
    """Classifiers with their answers to all items [items, labels], and the batches that they are held to."""
    shapes = [None] * len(models) if batches is None else batches
    return [
        Respondent(model, tuple(labels), Rows(own), batch, executor, tell)
        for model, own, batch in zip(models, answers, shapes, strict=True)
    ]
