"""What the models cost: size and speed, where they were measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.report.cost_words import cost_words, where
from trusteq.report.page.tables import Table
from trusteq.report.size_and_speed import COLUMNS

if TYPE_CHECKING:
    from trusteq.record.evidence import Evidence


@dataclass(frozen=True)
class CostPart:
    """The table, and what whoever reads it must know."""

    table: Table
    memory: bool
    notes: tuple[str, ...]


def costs(evidence: Evidence) -> CostPart | None:
    """Size and speed of every model; None where nothing was measured."""
    found = evidence.costs
    if found is None:
        return None
    shown = [
        (head, said) for head, said, name in COLUMNS if any(model.get(name) is not None for model in found["models"])
    ]
    rows = [(words.name, *(getattr(words, said) for _, said in shown)) for words in cost_words(found)]
    caption = f"Measured on {where(found)}; medians with quartiles"
    memory = any(said == "memory" for _, said in shown)
    return CostPart(
        Table(caption, ("model", *(head for head, _ in shown)), rows), memory, tuple(found.get("notes", ()))
    )
