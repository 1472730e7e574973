"""A history in the terminal: what changed since the last time first, then every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trusteq.comparing.measures import in_words
from trusteq.data.clean import clean
from trusteq.releases.words import decisive, earlier_warnings, headline, judged_by, outcome_words, said, titles, why
from trusteq.report.responsive_table import ResponsiveTable
from trusteq.report.terminal import outcome, warning_lines
from trusteq.report.wording import margin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from trusteq.releases.history import History, Since, Track, Turn

MOST_RUNS = 12
"""Runs in the table; the page and Markdown have all."""


def render(history: History) -> RenderableType:
    """The whole history."""
    runs = len(history.releases)
    first, last = history.releases[0].name, history.releases[-1].name
    span = f"{runs} runs, {clean(first)} to {clean(last)}" if runs > 1 else f"1 run, {clean(first)}"
    parts: list[RenderableType] = [Text(f"\n{span}, {clean(judged_by(history))}", style="bold")]
    parts += warning_lines(
        [f"left out: {line}" for line in history.left_out]
        + [f"{last}, {warning}" for warning in history.releases[-1].warnings]
    )
    if earlier := len(earlier_warnings(history)):
        counted = "1 warning" if earlier == 1 else f"{earlier} warnings"
        parts.append(Text(f"  {counted} of earlier runs (--out history.html)", style="dim"))
    for track in history.tracks:
        parts += [Text(), *_track(track, history)]
    return Group(*parts)


def _track(track: Track, history: History) -> Iterator[RenderableType]:
    yield Text.assemble((clean(track.name), "bold"), ": ", clean(headline(track, history)))
    if track.since:
        yield Padding(Group(*_since(track.since[-1])), (0, 0, 0, 2))
    yield Padding(_runs(track, history), (1, 0, 0, 2))


def _since(step: Since) -> Iterator[RenderableType]:
    """What changed since the last time."""
    if step.turns:
        yield _turns(step.turns)
    elif step.changed:
        yield Text("no rule has another outcome; the policy requires other dimensions", style="dim")
    else:
        yield Text("no rule has another outcome", style="dim")
    lines = why(step)
    if not lines:
        yield Text("nothing else differs", style="dim")
    else:
        yield Text("what changed with it", style="bold")
        yield from (Padding(Text(clean(line)), (0, 0, 0, 2)) for line in lines)


def _turns(turns: Sequence[Turn]) -> RenderableType:
    """The rules whose outcome changed."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("rule", "before", "now"):
        table.add_column(column, header_style="dim", no_wrap=column != "rule")
    table.add_column("margin", header_style="dim", no_wrap=True)
    lines: list[RenderableType] = []
    for turn in turns:
        before, now = (f"{said(point)} {outcome_words(point)}" for point in (turn.before, turn.now))
        rule = turn.now.rule or turn.before.rule
        limit = "" if rule is None else margin(rule)
        table.add_row(in_words(turn.measure), before, now, limit)
        lines.append(Text(f"{in_words(turn.measure)} ({limit})\n  {before}\n  -> {now}"))
    return ResponsiveTable(table, Group(*lines))


def _runs(track: Track, history: History) -> RenderableType:
    """Every run of the candidate, or the last ones, the newest first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("run", header_style="dim", overflow="fold")
    table.add_column("verdict", header_style="dim", no_wrap=True)
    table.add_column("rules met", header_style="dim", no_wrap=True)
    table.add_column("what changed", header_style="dim")
    steps = {step.now: step for step in track.since}
    places = list(track.judged)[::-1]
    lines: list[RenderableType] = []
    for at in places[:MOST_RUNS]:
        one, name = track.judged[at], clean(history.releases[at].name)
        changed = clean(titles(steps[at])) if at in steps else "the first run"
        table.add_row(name, outcome(one.verdict.outcome), decisive(one), changed)
        lines.append(Text.assemble(f"{name} ", outcome(one.verdict.outcome), f"\n  {changed}"))
    more = len(places) - MOST_RUNS
    below = [Text(f"and {more:,} earlier runs (--out history.html shows all)", style="dim")] if more > 0 else []
    return Group(ResponsiveTable(table, Group(*lines)), *below)
