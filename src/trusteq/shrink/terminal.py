"""A search in the terminal: the candidates from the smallest to the largest, the result, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trusteq.data.clean import clean
from trusteq.report.responsive_table import ResponsiveTable
from trusteq.report.terminal import STYLES, outcome, rules
from trusteq.report.wording import policy_words
from trusteq.shrink.words import audited, decisive, figures, next_steps, others, outcomes

if TYPE_CHECKING:
    from rich.console import RenderableType

    from trusteq.shrink.record import Entry, Search


def render(search: Search) -> RenderableType:
    """The whole search."""
    counted = (f"{part['n']:,} {name}" for name, part in search.parts.items())
    parts: list[RenderableType] = [
        Text.assemble(
            "\nHow small may ",
            (clean(search.reference), "bold"),
            f" become?   items: {', '.join(counted)}; policy {clean(policy_words(search.policy))}\n",
        )
    ]
    tried = audited(search)
    if tried:
        parts.append(_candidates(search, tried))
    rest = others(search)
    if rest:
        parts += [Text("\nnot audited", style="bold"), _others(rest)]
    if search.confirmation is not None:
        judged = search.confirmation.judged
        parts += [
            Text.assemble("\n", (clean(judged.name), "bold"), ", on untouched items"),
            Padding(rules(judged.verdict, judged.flat, search.policy), (0, 0, 0, 2)),
        ]
    steps = next_steps(search)
    parts += [Text("\nwhat to do", style="bold"), *(Text(clean(f"  - {step}"), overflow="fold") for step in steps)]
    parts.append(_result(search))
    return Group(*parts)


def _result(search: Search) -> Text:
    if search.confirmation is None:
        return Text(f"\n{clean(search.sentence)}", overflow="fold")
    verdict, words = search.confirmation.judged.verdict, search.confirmation.price.words()
    name = (clean(search.confirmation.name), "bold")
    return Text.assemble("\n", name, f": {words}{', ' if words else ''}", outcome(verdict.outcome), overflow="fold")


def _candidates(search: Search, tried: list[Entry]) -> RenderableType:
    dimensions = search.policy.required
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("candidate", header_style="dim", overflow="fold")
    for column in ("size", "speed"):
        table.add_column(column, header_style="dim", justify="right", no_wrap=True)
    for dimension in dimensions:
        table.add_column(dimension, header_style="dim", no_wrap=True)
    table.add_column("what decides", header_style="dim", overflow="fold", min_width=24)
    lines: list[Text] = []
    for entry in tried:
        verdicts = [Text(words, style=STYLES[found]) for found, words in outcomes(entry, dimensions)]
        style = "bold" if search.chosen is not None and search.chosen.name == entry.name else ""
        size, speed = figures(entry)
        why = clean(decisive(entry, search))
        table.add_row(Text(clean(entry.name), style=style), size, speed, *verdicts, Text(why))
        lines.append(
            Text.assemble((clean(entry.name), "bold"), f": {size} of the size, speed {speed}", overflow="fold")
        )
        lines += [Text.assemble(f"  {d}: ", v) for d, v in zip(dimensions, verdicts, strict=False)]
        lines.append(Text(f"  {why}", overflow="fold"))
    return ResponsiveTable(table, Group(*lines))


def _others(rest: list[Entry]) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for entry in rest:
        table.add_row(Text(clean(entry.name)), Text(entry.fate, style="dim"), Text(clean(entry.reason)))
    return Padding(table, (0, 0, 0, 2))
