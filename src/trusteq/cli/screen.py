"""What the commands print on: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trusteq.report.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

PIPE_WIDTH = 120


def show(*parts: RenderableType) -> None:
    """Print on stdout; where it is no terminal, in lines wide enough for tables and without blanks at their ends."""
    console = Console(highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        console.print(*parts, sep="\n")
        return
    console = Console(highlight=False, markup=False, emoji=False, width=PIPE_WIDTH)
    with console.capture() as captured:
        console.print(*parts, sep="\n")
    click.echo("\n".join(line.rstrip() for line in captured.get().split("\n")), nl=False)


def print_json(content: Any) -> None:
    """Print JSON on stdout."""
    # ASCII, so that no control character of a label reaches the terminal.
    click.echo(json.dumps(content, indent=1, allow_nan=False))


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A function to tell ``(stage, done, total)``: bars on a terminal, one line a stage elsewhere, on stderr."""
    if quiet:
        yield lambda stage, done, total: None
        return
    console = Console(stderr=True, highlight=False, markup=False)
    if not console.is_terminal:
        seen: set[str] = set()

        def line(stage: str, done: int, total: int) -> None:
            if stage not in seen:
                seen.add(stage)
                print(f"trusteq: {clean(stage)} ({total:,})", file=sys.stderr, flush=True)

        yield line
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def bar(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(clean(stage), total=total)
            bars.update(tasks[stage], completed=done)

        yield bar
