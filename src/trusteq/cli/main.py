"""``trusteq``: the group of commands, and how errors are shown."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import traceback
from typing import Any, NoReturn

import click

import trusteq
from trusteq.cli.purposes import Purposes
from trusteq.cli.streams import abandon_stdout, prepare
from trusteq.data.clean import clean
from trusteq.errors import TrusteqError, for_shell
from trusteq.work.freed_memory import keep_freed_memory

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
NO_ARGUMENTS: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What click raises if no command is named; before version 8.2 it prints the help itself."""


@click.group(cls=Purposes, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(trusteq.__version__, prog_name="trusteq")
def cli() -> None:
    """Check whether a compressed model may replace its large counterpart.

    \b
    trusteq demo                                     # see what it does
    trusteq audit large.csv small.csv --label label  # two files of predictions
    trusteq init bert/ bert-int8/ test.csv           # writes audit.yaml for it

    Exit codes of audit and gate: 0 EQUIVALENT, 1 NOT EQUIVALENT, 3 UNDECIDED, 2 error.
    """  # noqa: D301


def main() -> None:
    """Run the command line; a mistake of the user is one line on stderr and exit code 2."""
    with for_shell():
        _run()


def _run() -> None:
    prepare()
    keep_freed_memory()
    # Results are thousands of small objects that stay: to search them for garbage every 700 objects finds nothing.
    gc.set_threshold(100_000, 50, 50)
    # torch creates this folder on import, used or not, and leaves it behind; trusteq compiles nothing.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", tempfile.gettempdir())
    try:
        code = cli.main(prog_name="trusteq", standalone_mode=False)
        sys.stdout.flush()
    except TrusteqError as error:
        _fail(str(error), EXIT_ERROR)
    except NO_ARGUMENTS as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        sys.exit(EXIT_ERROR)
    except click.ClickException as error:
        _fail(error.format_message(), EXIT_ERROR)
    except (click.exceptions.Abort, KeyboardInterrupt) as interrupt:
        _fail(str(interrupt) or "interrupted; nothing was written", EXIT_INTERRUPTED)
    except SystemExit as stop:
        # Commands return their code; click itself exits with 1 when nobody reads stdout any more, which must not look
        # like a verdict.
        abandon_stdout()
        sys.exit(EXIT_BROKEN_PIPE if stop.code == 1 else stop.code)
    except MemoryError as error:
        detail = f" ({error})" if str(error) else ""
        _fail(f"not enough memory{detail}; use fewer items, or a machine with more memory", EXIT_ERROR)
    except ImportError as error:
        _fail(
            f"a library cannot be loaded: {error}; its installation is damaged, or there is not enough memory",
            EXIT_ERROR,
        )
    except OSError as error:
        abandon_stdout()
        _fail(f"{error.filename or 'output'}: {error.strerror or error}", EXIT_ERROR)
    except Exception:
        # Our mistake, not the user's: show where it happened, but never exit with the code of a verdict.
        traceback.print_exc()
        _fail("this is a bug in trusteq; please report the lines above", EXIT_ERROR)
    sys.exit(code)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"error: {clean(message)}", err=True)
    sys.exit(code)
