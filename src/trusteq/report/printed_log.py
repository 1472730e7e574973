"""The statistics that llama.cpp printed, in the terminal: values without a verdict, and why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trusteq.data.clean import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from trusteq.data.llama_cpp_log import PrintedValue

METHOD = "as llama.cpp printed it; its errors take tokens as independent"
WHY_NO_VERDICT = (
    "No verdict: tokens of a text resemble each other, so these errors are too small, and a log has neither texts nor "
    "noise of the reference to tell by how much. Write a file of each model with llama-perplexity --kl-divergence-base "
    "and give both to trusteq audit."
)


def render(values: Sequence[PrintedValue], source: str) -> RenderableType:
    """One line per statistic, with the printed standard error."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("value", header_style="dim", justify="right")
    table.add_column("standard error", header_style="dim", justify="right")
    for value in values:
        error = "" if value.error is None else f"{value.error:g}{value.unit}"
        table.add_row(Text(clean(value.label)), f"{value.value:g}{value.unit}", error)
    title = Text.assemble(("\n" + clean(source), "bold"), f"   {METHOD}")
    return Group(title, Padding(table, (0, 0, 0, 2)), Text(WHY_NO_VERDICT))


def document(values: Sequence[PrintedValue]) -> dict[str, Any]:
    """The same for JSON."""
    statistics = [
        {"label": one.label, "value": one.value, "standard_error": one.error, "unit": one.unit, "method": METHOD}
        for one in values
    ]
    return {"verdict": None, "reason": WHY_NO_VERDICT, "statistics": statistics}
