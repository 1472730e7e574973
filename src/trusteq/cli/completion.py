"""``trusteq completion``: what a shell needs to complete commands, options and their values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from trusteq.cli.no_repeats import NoRepeats

VARIABLE = "_TRUSTEQ_COMPLETE"
"""The variable by which the shell asks for completions, as click names it."""


@click.command(cls=NoRepeats)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print what completes trusteq's commands, options, policies, runs and files in SHELL.

    \b
    eval "$(trusteq completion bash)"                      # in ~/.bashrc
    eval "$(trusteq completion zsh)"                       # in ~/.zshrc
    trusteq completion fish > ~/.config/fish/completions/trusteq.fish
    """  # noqa: D301
    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"this version of click completes nothing in {shell}; upgrade click")
    click.echo(script(click.get_current_context().find_root().command, {}, "trusteq", VARIABLE).source())
    return 0
