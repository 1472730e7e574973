"""Output of the commands: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from trusteq.data.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

PIPE_WIDTH = 120
LINE_EVERY, JSON_EVERY = 60.0, 1.0
"""Seconds between two lines about the same stage."""


def show(*parts: RenderableType) -> None:
    """Print on stdout; if that is not a terminal, in lines wide enough for tables, without trailing blanks."""
    from rich.console import Console

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
    # ASCII, so that no control character in a label reaches the terminal.
    click.echo(json.dumps(content, indent=1, allow_nan=False))


@contextmanager
def show_progress(*, quiet: bool, as_json: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A function that shows ``(stage, done, total)`` on stderr: as bars on a terminal, elsewhere as lines or JSON."""
    if quiet:
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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
    """A line when a stage starts, after every ``interval`` seconds, and (in JSON) when the stage ends."""

    def __init__(self, interval: float, line: Callable[[str, int, int, float, float | None], str | None]) -> None:
        self.interval, self.line = interval, line
        self.started: dict[str, float] = {}
        self.printed: dict[str, tuple[float, int]] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        last_time, last_done = self.printed.get(stage, (now, done))
        if stage in self.printed and now - last_time < self.interval and done < total:
            return
        # From the speed since the last line: results reused from an earlier run take no time and would mislead.
        remaining = (now - last_time) * (total - done) / (done - last_done) if done > last_done else None
        text = self.line(stage, done, total, now - self.started.setdefault(stage, now), remaining)
        if text is not None:
            self.printed[stage] = now, done
            print(text, file=sys.stderr, flush=True)


def _plain_line(stage: str, done: int, total: int, seconds: float, remaining: float | None) -> str | None:
    if not seconds:
        return f"trusteq: {clean(stage)} ({total:,})"
    if done >= total or seconds < LINE_EVERY:  # a short stage needs no second line
        return None
    time_left = "" if remaining is None else f", about {_in_words(remaining)} left"
    return f"trusteq: {clean(stage)}: {done:,} of {total:,}{time_left}"


def _json_line(stage: str, done: int, total: int, seconds: float, remaining: float | None) -> str:
    entry = {"stage": stage, "done": done, "total": total, "seconds": round(seconds, 3)}
    return json.dumps(entry if remaining is None else {**entry, "left": round(remaining, 3)})


def _in_words(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 1):.0f} s"
