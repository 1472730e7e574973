"""A run's ``costs.json``, checked where it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.errors import RunError
from trusteq.models.cost import SCHEMA_VERSION, Costs
from trusteq.record.json_file import read_json
from trusteq.record.reading import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from trusteq.models.cost_speed import Spread

FILE = "costs.json"


def read_costs(directory: Path, names: Sequence[str]) -> dict[str, Any] | None:
    """The costs of a run's models, which have these names in this order; None if the run has none."""
    path = directory / FILE
    try:
        content, text = read_json(path)
    except FileNotFoundError:
        return None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise RunError(f"{path}: unknown schema version {version!r}; copy the run again")
    if version > SCHEMA_VERSION:
        raise RunError(f"{path}: schema version {version}; this trusteq reads up to {SCHEMA_VERSION}; upgrade trusteq")
    costs = read(text, Costs, where=str(path))
    for place, spread in _spreads(costs):
        if not spread.low <= spread.median <= spread.high:
            raise RunError(f"{path}: damaged: {place}: the median is outside its quartiles; copy the run again")
    measured = [model.name for model in costs.models]
    if measured != list(names):
        raise RunError(
            f"{path}: is about {', '.join(measured)[:200]}, but this run's models are {', '.join(names)[:200]}; "
            "copy the run again"
        )
    checked: dict[str, Any] = content
    return checked


def _spreads(costs: Costs) -> Iterator[tuple[str, Spread]]:
    """The models' timings, each with its place in the file."""
    for i, model in enumerate(costs.models):
        for name, spread in (("latency", model.latency), ("throughput", model.throughput)):
            if spread is not None:
                yield f"models.{i}.{name}", spread
