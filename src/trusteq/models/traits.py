"""What a backend says of itself, so that nobody has to know what kind of model it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from trusteq.models.base import LowerableModel
from trusteq.models.cost_size import Size
from trusteq.models.token_rows import TokenModel
from trusteq.tasks.task import CLASSES, task_named

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from trusteq.models.base import Model
    from trusteq.models.opening import Opening
    from trusteq.tasks.task import Task


@dataclass(frozen=True)
class Traits:
    """What a model can be asked, and how. The defaults are those of a Python function of which nothing is known.

    task: what it is asked of an item, by its name among `tasks.task.TASKS`.
    runs: whether asking it computes anything. A file of predictions is looked up: all its items at once, in the order
        in which they were read.
    changeable: whether it can be asked about items that are not in the data, such as texts without some words.
    budget: how many tokens a call may hold.
    tokens: the model itself where it can be asked by its own tokens: changed texts are then put together from these,
        which takes a fraction of the time. None where texts must be written anew.
    lowered: makes the same model in "bfloat16" or "float16"; None where it keeps its precision.
    truncated: the items that it could not read whole so far, with their length in tokens; the model adds to it.
    device: where it runs; None where that is not known.
    threads: with how many threads it computes; None where its runtime does not tell.
    size: its parameters, files and weights.
    opening: how another process can open it; None where it came from no file, folder or hub.
    """

    task: str = CLASSES
    runs: bool = True
    changeable: bool = True
    budget: int = 1024
    tokens: TokenModel | None = None
    lowered: Callable[[str], Model] | None = None
    truncated: MutableMapping[str, int] = field(default_factory=dict)
    device: str | None = None
    threads: Callable[[], int | None] = lambda: None
    size: Callable[[], Size] = Size
    opening: Callable[[], Opening | None] = lambda: None


@runtime_checkable
class StatesTraits(Protocol):
    """A model that says what can be asked of it."""

    @property
    def traits(self) -> Traits:
        """What can be asked of it, and how."""


def traits_of(model: Model) -> Traits:
    """What the model states; of a user's own that states nothing, what holds of a function."""
    if isinstance(model, StatesTraits):
        return model.traits
    return Traits(
        changeable=getattr(model, "reads_text", True),
        tokens=model if isinstance(model, TokenModel) else None,
        lowered=model.lowered if isinstance(model, LowerableModel) else None,
    )


def task_of(model: Model) -> Task:
    """What the model is asked of an item."""
    return task_named(traits_of(model).task)
