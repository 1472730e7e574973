"""What a model states about itself, so that no other code needs to know what kind of model it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from trusteq.models.base import LowerableModel
from trusteq.models.cost_size import Size
from trusteq.models.token_rows import TokenModel
from trusteq.tasks.task import CLASSES, task_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence
    from pathlib import Path

    from trusteq.data.items import Items
    from trusteq.models.base import Finding, Model
    from trusteq.models.made import Perturbed
    from trusteq.models.opening import Opening
    from trusteq.models.patches import PatchModel
    from trusteq.models.preprocessing import Preprocessing
    from trusteq.tasks.task import Task


@dataclass(frozen=True)
class Traits:
    """What a model supports, and how to run it. The defaults fit a Python function about which nothing is known.

    task: the name of its task in `tasks.task.TASKS`.
    rule: how its scores become probabilities, in a word; models of different rules are not compared.
    runs: whether predicting computes anything. A file of predictions is only looked up: all its items at once, in the
        order in which they were read.
    changeable: whether it can answer items that are not in the data, e.g. texts with words left out.
    reads: the kinds of segments that it reads, each item having one of them; None if that is not known.
    budget: how many tokens, or pictures, a call may hold.
    tokens: the model itself if it accepts its own tokens: changed texts are then assembled from tokens, which takes a
        fraction of the time. None if changed texts must be tokenized again.
    lowered: returns the same model in "bfloat16" or "float16"; None if its precision cannot be lowered.
    plain: returns the same model that answers in a slow and obviously right way, to check its ordinary answers, and
        instead of it if they are wrong; None if there is but one way.
    rounding: how far the logarithms of its ordinary answers may be from those for which rounding is to blame.
    truncated: the items truncated so far, with their full length in tokens; the model adds to it.
    device: where it runs; None if that is not known.
    threads: how many threads it computes with; None if its runtime does not say.
    size: its parameters, files and weights.
    opening: how another process can open it; None if it did not come from a file, a folder or a hub.
    asking: how it is asked about items, as the content of a task file; None if it reads items themselves.
    preprocessing: what it does to a picture before it answers; None if that is not known.
    through: answers items with another model's way of resizing and cropping; None if it cannot.
    hears: what it does to a sound before it answers, by name; None if that is not known.
    patches: what it answers to changed patches of its input; None if it does not read pictures in patches.
    prompts: returns what it reads of each item, to compare it with what another model reads; None if that is the item.
    beside: returns models, of which it is the first, as they answer beside it; None if each answers by itself.
    probed: how many items show whether its answers depend on the batch.
    untimed: why its speed is not measured; "" if it is.
    noise: returns findings about how far it differs from itself on items; None if there is nothing to find.
    notices: returns findings about what it is not prepared for in items; None if it cannot tell.
    refuses: stops at items that have nothing that it reads, before any model runs; None if only asking it tells.
    tokenizer_folder: the folder of its tokenizer.json; None if there is none.
    tokenizer_in_memory: its tokenizer, if that has no folder.
    trained_on: returns the trainings on items with units left out, as explanations leave them out, that the recipe
        beside it tells of.
    """

    task: str = CLASSES
    rule: str = ""
    runs: bool = True
    changeable: bool = True
    reads: frozenset[str] | None = None
    budget: int = 1024
    tokens: TokenModel | None = None
    lowered: Callable[[str], Model] | None = None
    plain: Callable[[], Model] | None = None
    rounding: float = 1e-3
    truncated: MutableMapping[str, int] = field(default_factory=dict)
    device: str | None = None
    threads: Callable[[], int | None] = lambda: None
    size: Callable[[], Size] = Size
    opening: Callable[[], Opening | None] = lambda: None
    asking: Mapping[str, Any] | None = None
    preprocessing: Preprocessing | None = None
    through: Callable[[Items, Preprocessing], Any] | None = None
    hears: Mapping[str, Any] | None = None
    patches: PatchModel | None = None
    prompts: Callable[[Items], Sequence[str]] | None = None
    beside: Callable[[Sequence[Model]], list[Model]] | None = None
    probed: int = 32
    untimed: str = ""
    noise: Callable[[Items], tuple[Finding, ...]] | None = None
    notices: Callable[[Items], tuple[Finding, ...]] | None = None
    refuses: Callable[[Items], None] | None = None
    tokenizer_folder: Path | None = None
    tokenizer_in_memory: Any = None
    trained_on: Callable[[], tuple[Perturbed, ...]] = lambda: ()


@runtime_checkable
class StatesTraits(Protocol):
    """A model that states its traits."""

    @property
    def traits(self) -> Traits:
        """What it supports, and how to run it."""


def traits_of(model: Model) -> Traits:
    """The traits that the model states; for a user's own model without any, those of a function."""
    if isinstance(model, StatesTraits):
        return model.traits
    return Traits(
        changeable=getattr(model, "reads_text", True),
        tokens=model if isinstance(model, TokenModel) else None,
        lowered=model.lowered if isinstance(model, LowerableModel) else None,
    )


def task_of(model: Model) -> Task:
    """The task of the model."""
    return task_named(traits_of(model).task)
