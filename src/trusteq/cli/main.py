"""``trusteq``: the group of commands, and how errors leave it."""

from __future__ import annotations

import sys

import click

import trusteq
from trusteq.cli.audit import audit
from trusteq.cli.gate import gate
from trusteq.cli.policy import policy
from trusteq.errors import TrusteqError
from trusteq.report.clean import clean

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(trusteq.__version__, prog_name="trusteq")
def cli() -> None:
    """Tell whether a compressed model may replace its large counterpart.

    Exit codes of audit and gate: 0 EQUIVALENT, 1 NOT EQUIVALENT, 3 UNDECIDED, 2 error.
    """


for command in (audit, gate, policy):
    cli.add_command(command)


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit code 2."""
    try:
        sys.exit(cli.main(prog_name="trusteq", standalone_mode=False))
    except TrusteqError as error:
        _fail(str(error), EXIT_ERROR)
    except click.exceptions.Abort:
        _fail("interrupted; nothing was written", EXIT_INTERRUPTED)
    except KeyboardInterrupt:
        _fail("interrupted; nothing was written", EXIT_INTERRUPTED)
    except click.ClickException as error:
        _fail(error.format_message(), EXIT_ERROR)


def _fail(message: str, code: int) -> None:
    click.echo(f"error: {clean(message)}", err=True)
    sys.exit(code)
