"""How far long work is: told as (stage, done, total), shown as bars on a terminal, as lines or as JSON elsewhere."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from trusteq.data.clean import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

Tell = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and how much there is to do."""

LINE_EVERY, JSON_EVERY = 60.0, 1.0
"""Seconds between two lines about the same stage."""
PATIENCE = 3.0
"""Seconds that a stage takes in a notebook before a line tells about it."""


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


@contextmanager
def told(progress: Tell | bool | None) -> Iterator[Tell]:
    """Whom a function called from Python tells: the caller's function; with True stderr, with False nobody.

    None is True for somebody who looks at a terminal or a notebook.
    """
    if callable(progress):
        yield progress
        return
    in_notebook = "ipykernel" in sys.modules
    if progress or (progress is None and (in_notebook or sys.stderr.isatty()) and not os.environ.get("CI")):
        with bars_or_lines(patience=PATIENCE if in_notebook else 0) as tell:
            yield tell
    else:
        yield silent


@contextmanager
def bars_or_lines(*, patience: float = 0) -> Iterator[Tell]:
    """Bars on a terminal; elsewhere, and in CI, lines about stages that take longer than ``patience`` seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, markup=False)
    if not console.is_terminal or os.environ.get("CI"):
        yield _Lines(LINE_EVERY, _plain_line, patience)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def bar(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(clean(stage), total=total)
            bars.update(tasks[stage], completed=done)

        yield bar


def json_lines() -> Tell:
    """A line of JSON when a stage starts, every second, and when it ends."""
    return _Lines(JSON_EVERY, _json_line)


class _Lines:
    """A line when a stage starts or has taken ``patience`` seconds, then after every ``interval`` seconds.

    In JSON also when it ends.
    """

    def __init__(
        self, interval: float, line: Callable[[str, int, int, _When], str | None], patience: float = 0
    ) -> None:
        self.interval, self.line, self.patience = interval, line, patience
        self.started: dict[str, float] = {}
        self.printed: dict[str, tuple[float, int]] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        seconds = now - self.started.setdefault(stage, now)
        last_time, last_done = self.printed.get(stage, (now, done))
        first = stage not in self.printed
        if seconds < self.patience or (not first and now - last_time < self.interval and done < total):
            return
        # From the speed since the last line: results reused from an earlier run take no time and would mislead.
        left = (now - last_time) * (total - done) / (done - last_done) if done > last_done else None
        text = self.line(stage, done, total, _When(first, seconds, left))
        if text is not None:
            self.printed[stage] = now, done
            print(text, file=sys.stderr, flush=True)


class _When(NamedTuple):
    """When a line is told: as the first of its stage, after so many seconds, with so many left if that is known."""

    first: bool
    seconds: float
    left: float | None


def _plain_line(stage: str, done: int, total: int, when: _When) -> str | None:
    if when.first:
        return f"trusteq: {clean(stage)} ({total:,})"
    if done >= total or when.seconds < LINE_EVERY:  # a short stage needs no second line
        return None
    time_left = "" if when.left is None else f", about {_in_words(when.left)} left"
    return f"trusteq: {clean(stage)}: {done:,} of {total:,}{time_left}"


def _json_line(stage: str, done: int, total: int, when: _When) -> str:
    entry = {"stage": stage, "done": done, "total": total, "seconds": round(when.seconds, 3)}
    return json.dumps(entry if when.left is None else {**entry, "left": round(when.left, 3)})


def _in_words(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 1):.0f} s"
