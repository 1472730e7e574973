"""The commands by what people want to do; each is imported when it is used."""

from __future__ import annotations

from importlib import import_module

import click
from click.shell_completion import CompletionItem

COMMANDS = {
    "Decide whether a model may be replaced": {
        "init": "Look at two models and their data, and write audit.yaml.",
        "audit": "Compare candidates with a reference, and give a verdict.",
        "gate": "Judge a finished run again, by another policy if you like.",
        "waive": "Let a candidate pass a rule on purpose, on the record.",
    },
    "Look at a finished run": {
        "report": "Write it as a page, Markdown, JUnit, LaTeX or in-toto.",
        "show": "Print it again, or one of its items.",
        "diff": "Print what changed between two runs.",
        "history": "Show how candidates went from release to release.",
        "view": "Look at all runs of a folder in the browser.",
        "figure": "Draw one of its figures for a paper or a notebook.",
    },
    "Make a smaller model": {
        "shrink": "Find the smallest candidate that may replace a model.",
        "compress": "Make one: quantize, prune, drop layers, distil, heal.",
        "train": "Fine-tune a classifier: a reference, or its peer.",
    },
    "Check the evidence": {
        "verify": "Recompute a run from the answers stored in it.",
        "selftest": "Test the audit with planted candidates of your own model.",
        "study": "Train, compress and audit over several seeds, by a plan.",
    },
    "Set up": {
        "demo": "See an audit at work, on models that are made on the spot.",
        "policy": "Print policies, their schema, and what rules can name.",
        "check": "Check audit files, policies, task files and studies.",
        "completion": "Print what completes commands in bash, zsh or fish.",
    },
}
"""By purpose: each command and what --help says of it. The function has the name of its module in `trusteq.cli`."""


class Purposes(click.Group):
    """The group of all commands, listed by purpose."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the list."""
        return [name for commands in COMMANDS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, from its module."""
        if cmd_name not in self.list_commands(ctx):
            return None
        found: click.Command = getattr(import_module(f"trusteq.cli.{cmd_name}"), cmd_name)
        return found

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names that begin so, without importing the commands, and the group's own options."""
        known = {name: words for commands in COMMANDS.values() for name, words in commands.items()}
        found = [CompletionItem(name, help=words) for name, words in known.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list for each purpose."""
        width = max(map(len, self.list_commands(ctx)))
        for purpose, commands in COMMANDS.items():
            with formatter.section(purpose):
                formatter.write_dl([(name.ljust(width), words) for name, words in commands.items()])
