"""What a user trades against trust: each model's size, speed and memory, on the user's own items and this machine.

Costs are measured last, when every answer is known, and no verdict depends on them: they are the only part of an audit
that differs from one run to the next.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from annotated_types import MinLen

from trusteq.data.surrogates import readable
from trusteq.errors import OptionError, TrusteqError
from trusteq.models.cost_machine import Machine, machine
from trusteq.models.cost_memory import can_be_reopened, peak_bytes
from trusteq.models.cost_size import Size
from trusteq.models.cost_speed import Spread, measure_speed
from trusteq.models.library_output import one_line
from trusteq.models.probe import sample_by_length
from trusteq.models.traits import traits_of
from trusteq.progress import silent
from trusteq.stats.number import Count  # noqa: TC001 - read where a record is

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.data.items import Items
    from trusteq.models.base import Model
    from trusteq.progress import Tell

Effort = Literal["none", "quick", "full"]

SCHEMA_VERSION = 1

IN_CHILD = 64
"""Items that a model answers while its memory is measured."""


@dataclass(frozen=True)
class ModelCost:
    """One model's costs; None where something was not measured or is not known.

    parameters: how many numbers it has learnt; disk_bytes: size of its files, including the tokenizer.
    weights_bytes: its parameters and buffers in memory; peak_bytes: the largest growth of a process that opens it and
    answers with it.
    latency: seconds an item, one at a time; throughput: items a second in its ordinary batches.
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

    items: how many items were timed one at a time; notes: what could not be measured, and why.
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
    """The effort; an error if it is not known, or would have no effect."""
    if not isinstance(effort, str) or effort not in get_args(Effort):
        raise OptionError(f"costs must be {', '.join(get_args(Effort)[:-1])} or full, found {effort!r}")
    if effort == "full" and not any(can_be_reopened(model) for model in models):
        raise OptionError(
            "costs=full has no effect: only transformers folders, ONNX and LiteRT files can be opened in a separate "
            "process, and none of the models is one; use quick"
        )
    chosen: Effort = effort  # type: ignore[assignment]
    return chosen


def measure_costs(
    models: Sequence[Model],
    items: Items,
    shapes: Sequence[int | None],
    *,
    effort: Effort = "quick",
    tell: Tell = silent,
) -> Costs | None:
    """What each model costs; None if ``effort`` is "none", or the models are all files of predictions.

    ``shapes`` [models] is the number of items in a call for a model whose answers depend on the batch, else None.
    ``effort`` "full" also opens each model in a separate process, to measure its memory.
    """
    runnable = [(model, shape) for model, shape in zip(models, shapes, strict=True) if traits_of(model).runs]
    if effort == "none" or not runnable:
        return None
    sample = items.take(sample_by_length(items, IN_CHILD)) if effort == "full" else items
    tell("measure speed", 0, 1)
    timed, speeds = measure_speed([model for model, _ in runnable], items, [shape for _, shape in runnable])
    tell("measure speed", 1, 1)
    notes = []
    costs = {}
    for i, ((model, shape), speed) in enumerate(zip(runnable, speeds, strict=True)):
        if speed.failure is not None:
            notes.append(f"{model.name}: speed was not measured: {speed.failure}")
        size, peak = Size(), None
        try:
            size = traits_of(model).size()
        except (OSError, RuntimeError, TrusteqError) as error:
            notes.append(f"{model.name}: size was not measured: {one_line(error)}")
        if effort == "full" and can_be_reopened(model):
            tell("measure memory", i, len(runnable))
            try:
                peak = peak_bytes(model, sample, shape)
            except TrusteqError as error:
                notes.append(f"{model.name}: peak memory was not measured: {one_line(error)}")
        costs[model.name] = ModelCost(
            readable(model.name),
            parameters=size.parameters,
            disk_bytes=size.disk_bytes,
            weights_bytes=size.weights_bytes,
            peak_bytes=peak,
            latency=speed.latency,
            throughput=speed.throughput,
        )
    if effort == "full":
        tell("measure memory", len(runnable), len(runnable))
    return Costs(
        machine([traits_of(model) for model, _ in runnable]),
        timed,
        tuple(costs.get(model.name, ModelCost(readable(model.name))) for model in models),
        tuple(readable(note) for note in notes),
    )
