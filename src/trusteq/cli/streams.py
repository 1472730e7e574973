"""Standard streams that are closed, full or no longer read: none of them changes what a command found."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Unheard(io.TextIOWrapper):
    """Standard error that drops what cannot be written: progress and notes end no audit."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def prepare() -> None:
    """Have three open streams, none of which stops at a sign that it cannot show."""
    # A closed one would lend its number to the next file that is opened, and whatever is printed would end in there.
    # That of stdout is taken by what cannot be written, so that it is noticed.
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(_bytes(1), encoding="utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if sys.stderr is None or sys.stderr is sys.__stderr__:  # not where a program of its own reads it
        encoding = sys.stderr.encoding if sys.stderr else "utf-8"
        sys.stderr = _Unheard(_bytes(2), encoding=encoding, errors="replace", line_buffering=True)


def _bytes(number: int) -> io.BufferedWriter:
    return io.BufferedWriter(io.FileIO(number, "w", closefd=False))


@contextmanager
def told_anyway(code: int, where: Any) -> Iterator[None]:
    """Print what is also kept elsewhere: if that fails, one line says so and the command goes on."""
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
    """Let what is still to be printed go nowhere, also what Python would print when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
