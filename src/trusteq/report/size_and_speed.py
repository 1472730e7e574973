"""What the models cost, in the terminal: each figure, and its ratio to the reference's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trusteq.data.clean import clean
from trusteq.report.cost_words import cost_words, where

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import RenderableType

    from trusteq.record.document import AuditedModel

COLUMNS = (
    ("parameters", "parameters", "parameters"),
    ("on disk", "disk", "disk_bytes"),
    ("memory", "memory", "peak_bytes"),
    ("one by one", "latency", "latency"),
    ("in batches", "throughput", "throughput"),
)
"""Heading, name in `CostWords`, and name in ``costs.json``."""


def size_and_speed(costs: Mapping[str, Any], audited: Iterable[AuditedModel] = ()) -> RenderableType:
    """One line per model; a column that was measured for none of them is left out."""
    models, words = costs["models"], cost_words(costs, audited)
    shown = [column for column in COLUMNS if any(model[column[2]] is not None for model in models)]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("")
    for heading, _, _ in shown:
        table.add_column(heading, header_style="dim", justify="right")
        table.add_column("")
    reference = models[0]
    for model, texts in zip(models, words, strict=True):
        row = [Text(clean(model["name"]), overflow="fold")]
        for _, word, key in shown:
            ratio = "" if model is reference else times(model[key], reference[key])
            # The blank keeps a ratio nearer to its figure than to the next one.
            row += [Text(f" {getattr(texts, word)}"), Text(ratio, style="dim")]
        table.add_row(*row)
    # A table of nothing but names says nothing.
    parts = [Padding(table, (0, 0, 0, 2))] if shown else []
    title = Text.assemble(("\nsize and speed", "bold"), f"   {clean(where(costs))}")
    return Group(title, *parts)


def times(figure: Any, reference: Any) -> str:
    """A figure's ratio to the reference's; empty where one is unknown."""
    if not figure or not reference:
        return ""
    value, base = (f["median"] if isinstance(f, dict) else f for f in (figure, reference))
    ratio = value / base
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:,.0f}x"
