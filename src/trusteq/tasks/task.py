"""The interface of a task, and all tasks by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from trusteq.errors import OptionError
from trusteq.plugins import with_plugins
from trusteq.tasks.choices import Choices
from trusteq.tasks.classes import Classes
from trusteq.tasks.documents import Documents
from trusteq.tasks.tokens import Tokens
from trusteq.tasks.top_tokens import MostProbableTokens

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
    """The question that an item poses, and so the form of an answer.

    one_row: whether an item's answer is one row of numbers, or a row for each of its options, tokens or boxes.
    largest: the largest number that a checked answer can contain.
    explained: whether answers can be explained; `targets` and `value` then say what is explained of them.
    dimensions: those in which models are compared (`comparing.measures.DIMENSIONS`); () for all that every task has.
    policy: the preset by which models of this task are judged, if no other policy is chosen.
    scale: that on which answers are explained unless another is chosen.
    may_be_unknown: columns whose numbers may all be NaN.
    probabilities: the columns that must not depend on the batch; () for all.
    several_outcomes: whether an item may have several, so that it takes many items to know how they vary.

    ``labels`` are those that all items share, in the order of the reference; () if they share none.
    """

    name: str
    one_row: bool
    largest: float
    explained: bool
    dimensions: tuple[str, ...]
    policy: str
    scale: Scale
    may_be_unknown: tuple[str, ...]
    probabilities: tuple[str, ...]
    several_outcomes: bool

    def columns(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The names of an answer's columns, as stored in a run."""

    def checked(self, raw: object, *, items: Items, labels: Sequence[str], model: str) -> Rows:
        """A model's raw answers to these items as rows; an error about the first that is not a valid answer.

        Rows that come from another process or a file are checked again.
        """

    def in_order(
        self, rows: Rows, model_labels: Sequence[str], labels: Sequence[str], *, model: str, reference: str
    ) -> Rows:
        """The rows with columns reordered from the model's labels to those of the reference."""

    def gold(self, items: Items, labels: Sequence[str]) -> NDArray[np.int64] | None:
        """The code of each item's right answer [items]; None if the items have none."""

    def outcomes(self, rows: Rows, gold: NDArray[np.int64] | None, labels: Sequence[str] = ()) -> Outcomes:
        """The answers in a form that can be compared."""

    def answer_texts(
        self, codes: NDArray[np.int64], at: NDArray[np.int64], items: Items, labels: Sequence[str]
    ) -> Sequence[str]:
        """Texts for the answers with these codes [answers] to the items at these positions [answers]."""

    def shares(self, rows: Rows, at: int, items: Items, labels: Sequence[str]) -> Mapping[str, float]:
        """The model's probability of every possible answer to the item at this position.

        Empty if there are too many to show.
        """

    def targets(
        self, answers: Sequence[Rows], gold: NDArray[np.int64] | None, at: NDArray[np.int64], by: By
    ) -> NDArray[np.int64]:
        """The code of the answer that is explained, for each model and the items at these positions [models, at]."""

    def table(self, rows: Rows) -> NDArray[np.float64]:
        """The logarithms of the answers to changed versions of one item [changes, columns]."""

    def value(self, table: NDArray[np.float64], target: int, scale: Scale) -> NDArray[np.float64]:
        """The target's value in each changed version of an item [changes], from log answers [changes, columns]."""


CLASSES = Classes.name
"""The task of models that state no other, and of runs without the name of a task."""

TASKS: dict[str, Task] = {
    task.name: task for task in (Classes(), Choices(), Tokens(), MostProbableTokens(), Documents())
}
"""The built-in tasks by name."""


def tasks() -> dict[str, Task]:
    """All tasks by name; those of plugins come last."""
    return with_plugins("trusteq.tasks", TASKS, Task)


def task_named(name: str) -> Task:
    """The task of this name; an error that lists all names if there is none."""
    by_name = tasks()
    if name not in by_name:
        raise OptionError(f"unknown task {name!r}; choose from {', '.join(by_name)}")
    return by_name[name]
