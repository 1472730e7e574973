"""What a task is, and which there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from trusteq.errors import OptionError
from trusteq.plugins import with_plugins
from trusteq.tasks.classes import Classes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.tasks.outcomes import Outcomes
    from trusteq.tasks.rows import Rows

By = Literal["reference", "gold", "own"]
Scale = Literal["probability", "log-odds"]


@runtime_checkable
class Task(Protocol):
    """What is asked of an item, and so what an answer looks like.

    one_row: whether an item's answer is one row of numbers, or a row for each of its options, tokens, boxes.
    largest: the largest number that a checked answer can hold.
    explained: whether changed items can be asked about, and `targets` and `value` say what of the answers is explained.

    ``labels`` are those that all items share, in the order of the reference; () where they share none.
    """

    name: str
    one_row: bool
    largest: float
    explained: bool

    def columns(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The names of the columns of an answer, as they are kept in a run."""

    def checked(self, raw: object, *, items: Items, labels: Sequence[str], model: str) -> Rows:
        """A model's raw answers to these items as rows; or one clear line about the first that is not an answer.

        Rows that come back from another process or a file are checked once more.
        """

    def in_order(self, rows: Rows, own: Sequence[str], labels: Sequence[str], *, model: str, reference: str) -> Rows:
        """The same, from the order of the model's ``own`` labels to that of the reference's."""

    def gold(self, items: Items, labels: Sequence[str]) -> NDArray[np.int64] | None:
        """The code of each item's right answer [items]; None where the items do not tell."""

    def outcomes(self, rows: Rows, gold: NDArray[np.int64] | None) -> Outcomes:
        """What the answers say that can be compared."""

    def named(
        self, codes: NDArray[np.int64], at: NDArray[np.int64], items: Items, labels: Sequence[str]
    ) -> Sequence[str]:
        """The words for answers with these codes [answers] to the items at these positions [answers]."""

    def shares(self, rows: Rows, at: int, items: Items, labels: Sequence[str]) -> Mapping[str, float]:
        """Every answer that could be given to the item at this position, and how probable the model finds it.

        Empty where they are too many to show.
        """

    def targets(
        self, answers: Sequence[Rows], gold: NDArray[np.int64] | None, at: NDArray[np.int64], by: By
    ) -> NDArray[np.int64]:
        """The code of what is explained of each model's answer to the items at these positions [models, at]."""

    def value(self, table: NDArray[np.float64], target: int, scale: Scale) -> NDArray[np.float64]:
        """What an item's changes [changes] do to a target, from the logarithms of the answers [changes, columns]."""


CLASSES = Classes.name
"""What a model is asked that states nothing else, and what a run without the name of a task was about."""

TASKS: dict[str, Task] = {task.name: task for task in (Classes(),)}
"""By name, every task that a model can state in its traits."""


def tasks() -> dict[str, Task]:
    """Every task by its name; those of plugins come last."""
    return with_plugins("trusteq.tasks", TASKS, Task)


def task_named(name: str) -> Task:
    """The task of this name, or one line about those there are."""
    known = tasks()
    if name not in known:
        raise OptionError(f"there is no task {name!r}; choose from {', '.join(known)}")
    return known[name]
