"""What each task of stored results shows, as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trusteq.data.clean import clean
from trusteq.report.responsive_table import ResponsiveTable
from trusteq.report.wording import number, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence

MOST = 12
"""How many tasks are shown: those with the largest share of changed answers."""
COLUMN = "task"
_COLUMNS = ("slice_value", "measure", "value", "low", "high")


class _Figure(NamedTuple):
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{number(self.value)} [{number(self.low)}, {number(self.high)}]"


def by_task(evidence: Evidence, candidate: AuditedCandidate) -> list[RenderableType]:
    """Accuracy and changed answers of each task with enough questions; nothing for one task, or without slices."""
    tasks = evidence.document.reference.identity.details.get("tasks", ())
    counts = {part.value: part.n for part in candidate.slices if part.column == COLUMN}
    if len(tasks) < 2 or not counts:
        return []
    figures = _figures(evidence, candidate.name)
    order = sorted(counts, key=lambda task: -figures[task]["disagreement"].value)[:MOST]
    level = percent(evidence.document.policy.level)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("task", header_style="dim")
    table.add_column("items", header_style="dim", no_wrap=True, justify="right")
    for head in ("accuracy", "", f"difference [{level}]", f"disagreement [{level}]"):
        table.add_column(head, header_style="dim", no_wrap=True)
    lines = []
    for task in order:
        of = figures[task]
        sides = (number(of["accuracy_reference"].value), f"-> {number(of['accuracy_candidate'].value)}")
        difference, changed = str(of["accuracy_difference"]), str(of["disagreement"])
        table.add_row(Text(clean(task), overflow="fold"), f"{counts[task]:,}", *sides, difference, changed)
        accuracy = f"accuracy {' '.join(sides)}, difference {difference}"
        lines.append(Text(f"{clean(task)} ({counts[task]:,} items): {accuracy}; disagreement {changed}"))
    of_all = f"{len(order)} of " if len(order) < len(tasks) else ""
    rest = "; all are in trusteq report" if len(order) < len(counts) else ""
    heading = Text(f"\n  {of_all}{len(tasks)} tasks, most changed answers first{rest}", style="bold")
    return [heading, Padding(ResponsiveTable(table, Group(*lines)), (0, 0, 0, 2))]


def _figures(evidence: Evidence, candidate: str) -> Mapping[str, Mapping[str, _Figure]]:
    """The estimates of each task, by measure."""
    frame = evidence.estimates
    rows = frame[(frame["candidate"] == candidate) & (frame["slice_column"] == COLUMN)]
    found: dict[str, dict[str, _Figure]] = {}
    for task, measure, *figure in zip(*(rows[column] for column in _COLUMNS), strict=True):
        found.setdefault(task, {})[measure] = _Figure(*figure)
    return found
