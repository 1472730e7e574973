"""Each model's measured size and speed, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trusteq.record.document import AuditedModel

MISSING = "-"


@dataclass(frozen=True)
class CostWords:
    """One model's figures; ``MISSING`` where one was not measured. Spreads are quartiles."""

    name: str
    parameters: str
    disk: str
    memory: str
    latency: str
    throughput: str


def cost_words(costs: Mapping[str, Any], models: Iterable[AuditedModel] = ()) -> list[CostWords]:
    """Each model's figures, in the order of the run; ``models`` tell which of them only take batches of one size."""
    held = {model.name: f" (in batches of {model.batch:,})" for model in models if model.batch is not None}
    return [
        CostWords(
            name=model["name"],
            parameters=_parameters(model.get("parameters")),
            disk=size(model.get("disk_bytes")),
            memory=size(model.get("peak_bytes")),
            latency=_spread(model.get("latency"), scale=1e3, unit="ms"),
            throughput=_spread(model.get("throughput"), scale=1.0, unit="items/s", held=held.get(model["name"], "")),
        )
        for model in costs["models"]
    ]


def where(costs: Mapping[str, Any]) -> str:
    """On what machine, and on how many items."""
    machine = costs["machine"]
    threads = f", {machine['threads']} threads" if machine.get("threads") else ""
    hardware = f"{machine['cores']} cores{threads}; {machine['device']}"
    return f"{costs['items']:,} items on {machine['processor']} ({hardware})"


def _parameters(count: int | None) -> str:
    if count is None:
        return MISSING
    return f"{count / 1e6:,.1f} M" if count >= 1e6 else f"{count:,}"


def size(count: int | None) -> str:
    """A number of bytes in the unit that leaves one to three digits before the decimal point."""
    if count is None:
        return MISSING
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.1f} {unit}"
    return f"{count} B"


def _spread(measured: Mapping[str, float] | None, *, scale: float, unit: str, held: str = "") -> str:
    if measured is None:
        return MISSING
    median, low, high = (f"{measured[end] * scale:,.3g}" for end in ("median", "low", "high"))
    return f"{median} {unit} [{low}, {high}]{held}"
