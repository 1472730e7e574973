"""What a user trades against trust: how large, fast and hungry each model is, on the user's own items and this machine.

It is measured last, when every answer is known, and nothing is judged by it: the only part of an audit that differs
from one run to the next.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from annotated_types import MinLen

from trusteq.data.surrogates import readable
from trusteq.errors import OptionError, TrusteqError
from trusteq.models.cost_machine import Machine, machine
from trusteq.models.cost_memory import can_be_opened_again, peak_bytes
from trusteq.models.cost_size import Size
from trusteq.models.cost_speed import Spread, measure_speed
from trusteq.models.library_output import one_line
from trusteq.models.probe import spread
from trusteq.models.traits import traits_of
from trusteq.stats.number import Count  # noqa: TC001 - read where a record is

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trusteq.data.items import Items
    from trusteq.models.base import Model

Effort = Literal["none", "quick", "full"]

SCHEMA_VERSION = 1

IN_CHILD = 64
"""Items that a model answers while its memory is watched."""


@dataclass(frozen=True)
class ModelCost:
    """One model's costs; None where something was not measured or cannot be told.

    parameters: numbers it learnt; disk_bytes: its files, tokenizer included.
    weights_bytes: its parameters and buffers in memory; peak_bytes: the most by which a process grows that opens it and
    answers.
    latency: seconds an item, asked one at a time; throughput: items a second in its ordinary batches.
    """

    name: str
    parameters: Count | None = None
    disk_bytes: Count | None = None
    weights_bytes: Count | None = None
    peak_bytes: Count | None = None
    latency: Spread | None = None
    throughput: Spread | None = None


@dataclass(frozen=True)
class Costs:
    """What the reference and the candidates, in this order, cost on this machine.

    items: how many items were asked one at a time; notes: what could not be measured, and why.
    """

    machine: Machine
    items: Count
    models: Annotated[tuple[ModelCost, ...], MinLen(1)]
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The content of ``costs.json``."""
        content = asdict(self)
        return {
            "schema_version": SCHEMA_VERSION,
            **content,
            "models": list(content["models"]),
            "notes": list(content["notes"]),
        }


def checked_effort(effort: object, models: Sequence[Model]) -> Effort:
    """The effort, or one clear line about why it will not do."""
    if not isinstance(effort, str) or effort not in get_args(Effort):
        raise OptionError(f"costs must be {', '.join(get_args(Effort)[:-1])} or full, found {effort!r}")
    if effort == "full" and not any(can_be_opened_again(model) for model in models):
        raise OptionError(
            "costs=full has no effect: none of the models is a transformers folder or an ONNX file, which alone can be "
            "opened in a process of their own; ask for quick"
        )
    chosen: Effort = effort  # type: ignore[assignment]
    return chosen


def measure_costs(
    models: Sequence[Model],
    items: Items,
    shapes: Sequence[int | None],
    *,
    effort: Effort = "quick",
    tell: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Costs | None:
    """What each model costs; None where nothing is to be measured, or only files of predictions were given.

    ``shapes`` [models] is the number of items in a call where a model's answers depend on their batch. ``effort``
    "full" also opens each model in a process of its own, to see how much memory it takes.
    """
    run = [(model, shape) for model, shape in zip(models, shapes, strict=True) if traits_of(model).runs]
    if effort == "none" or not run:
        return None
    some = items.take(spread(items, IN_CHILD)) if effort == "full" else items
    tell("measure speed", 0, 1)
    timed, speeds = measure_speed([model for model, _ in run], items, [shape for _, shape in run])
    tell("measure speed", 1, 1)
    notes = []
    found = {}
    for i, ((model, shape), speed) in enumerate(zip(run, speeds, strict=True)):
        if speed.failure is not None:
            notes.append(f"{model.name}: speed was not measured: {speed.failure}")
        known, peak = Size(), None
        try:
            known = traits_of(model).size()
        except (OSError, RuntimeError, TrusteqError) as error:
            notes.append(f"{model.name}: size was not measured: {one_line(error)}")
        if effort == "full" and can_be_opened_again(model):
            tell("measure memory", i, len(run))
            try:
                peak = peak_bytes(model, some, shape)
            except TrusteqError as error:
                notes.append(f"{model.name}: peak memory was not measured: {one_line(error)}")
        found[model.name] = ModelCost(
            readable(model.name),
            parameters=known.parameters,
            disk_bytes=known.disk_bytes,
            weights_bytes=known.weights_bytes,
            peak_bytes=peak,
            latency=speed.latency,
            throughput=speed.throughput,
        )
    if effort == "full":
        tell("measure memory", len(run), len(run))
    costs = tuple(found.get(model.name, ModelCost(readable(model.name))) for model in models)
    return Costs(machine([traits_of(model) for model, _ in run]), timed, costs, tuple(readable(note) for note in notes))
