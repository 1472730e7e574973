"""What the commands print on: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trusteq.data.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

PIPE_WIDTH = 120
LINE_EVERY, JSON_EVERY = 60.0, 1.0
"""Seconds between two lines about one stage."""


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
def progress(*, quiet: bool, as_json: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A function to tell ``(stage, done, total)``, on stderr: bars on a terminal, lines elsewhere or as JSON."""
    if quiet:
        yield lambda stage, done, total: None
        return
    console = Console(stderr=True, highlight=False, markup=False)
    if as_json:
        yield _Lines(JSON_EVERY, _json_line)
        return
    if not console.is_terminal or os.environ.get("CI"):
        yield _Lines(LINE_EVERY, _plain_line)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def bar(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(clean(stage), total=total)
            bars.update(tasks[stage], completed=done)

        yield bar


class _Lines:
    """A line when a stage begins and whenever so many seconds have passed, and with JSON when it ends."""

    def __init__(self, every: float, line: Callable[[str, int, int, float, float | None], str | None]) -> None:
        self.every, self.line = every, line
        self.begun: dict[str, float] = {}
        self.told: dict[str, tuple[float, int]] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        before, then = self.told.get(stage, (now, done))
        if stage in self.told and now - before < self.every and done < total:
            return
        # By how fast it went since the last line: what was kept from before is read in no time.
        left = (now - before) * (total - done) / (done - then) if done > then else None
        text = self.line(stage, done, total, now - self.begun.setdefault(stage, now), left)
        if text is not None:
            self.told[stage] = now, done
            print(text, file=sys.stderr, flush=True)


def _plain_line(stage: str, done: int, total: int, seconds: float, left: float | None) -> str | None:
    if not seconds:
        return f"trusteq: {clean(stage)} ({total:,})"
    if done >= total or seconds < LINE_EVERY:  # what is done soon needs no more words
        return None
    more = "" if left is None else f", about {_in_words(left)} left"
    return f"trusteq: {clean(stage)}: {done:,} of {total:,}{more}"


def _json_line(stage: str, done: int, total: int, seconds: float, left: float | None) -> str:
    told = {"stage": stage, "done": done, "total": total, "seconds": round(seconds, 3)}
    return json.dumps(told if left is None else {**told, "left": round(left, 3)})


def _in_words(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 1):.0f} s"
