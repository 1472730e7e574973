"""Standard streams that are closed, full or no longer read: none of them changes the result of a command."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator


class _BestEffort(io.TextIOWrapper):
    """Standard error that drops what cannot be written: an audit does not stop over progress and notes."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def prepare() -> None:
    """Make sure that all three streams are open, and replace characters that they cannot show."""
    # A closed stream's number would go to the next file that is opened, and all output would end up in that file.
    # In place of stdout stands a stream that cannot be written, so that the loss of the output is noticed.
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(_binary(1), encoding="utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if sys.stderr is None or sys.stderr is sys.__stderr__:  # unless the caller replaced it
        encoding = sys.stderr.encoding if sys.stderr else "utf-8"
        sys.stderr = _BestEffort(_binary(2), encoding=encoding, errors="replace", line_buffering=True)


def _binary(number: int) -> io.BufferedWriter:
    return io.BufferedWriter(io.FileIO(number, "w", closefd=False))


@contextmanager
def print_or_warn(code: int, where: Any) -> Iterator[None]:
    """Print what is also saved in ``where``: if printing fails, say so in one line and continue."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        abandon_stdout()
        click.echo(
            f"trusteq: the result could not be printed ({error.strerror or error}); exit code {code}, see {where}",
            err=True,
        )


def abandon_stdout() -> None:
    """Discard all further output, including what Python would still flush at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
