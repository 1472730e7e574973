"""Output of the commands: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from trusteq.progress import bars_or_lines, json_lines, silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from trusteq.progress import Tell

PIPE_WIDTH = 120


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
def show_progress(*, quiet: bool, as_json: bool = False) -> Iterator[Tell]:
    """A function that shows ``(stage, done, total)`` on stderr: as bars on a terminal, elsewhere as lines or JSON."""
    if quiet:
        yield silent
    elif as_json:
        yield json_lines()
    else:
        with bars_or_lines() as tell:
            yield tell
