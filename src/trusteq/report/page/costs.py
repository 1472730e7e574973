"""The models' size and speed, where they were measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.report.cost_words import cost_words, where
from trusteq.report.page.html_table import Table
from trusteq.report.size_and_speed import COLUMNS

if TYPE_CHECKING:
    from trusteq.record.evidence import Evidence


@dataclass(frozen=True)
class CostPart:
    """The table, whether it shows memory, and notes about the numbers."""

    table: Table
    memory: bool
    notes: tuple[str, ...]


def costs(evidence: Evidence) -> CostPart | None:
    """Size and speed of every model; None where nothing was measured."""
    measured = evidence.costs
    if measured is None:
        return None
    shown = [
        (head, field) for head, field, key in COLUMNS if any(model.get(key) is not None for model in measured["models"])
    ]
    rows = [
        (texts.name, *(getattr(texts, field) for _, field in shown))
        for texts in cost_words(measured, evidence.document.models)
    ]
    caption = f"Measured on {where(measured)}; medians with quartiles"
    memory = any(field == "memory" for _, field in shown)
    return CostPart(
        Table(caption, ("model", *(head for head, _ in shown)), rows), memory, tuple(measured.get("notes", ()))
    )
