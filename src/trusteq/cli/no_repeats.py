"""Options that may be given only once: click would silently drop the first of two values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


class NoRepeats(click.Command):
    """A command that refuses an option with a value that is given twice, unless it may be repeated."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click parses them, after a check for repeated options."""
        refuse_repeated(self.make_parser(ctx).parse_args(args=list(args))[2])
        return super().parse_args(ctx, args)


def refuse_repeated(parameters: Sequence[click.Parameter]) -> None:
    """Stop at the first repeated option; ``parameters`` are in the order of the command line."""
    seen: set[click.Parameter] = set()
    for parameter in parameters:
        if isinstance(parameter, click.Option) and not (parameter.is_flag or parameter.multiple or parameter.count):
            name = parameter.opts[0]
            if parameter in seen:
                hint = ", with commas between columns: --text premise,hypothesis" if name == "--text" else ""
                raise click.UsageError(f"{name} is given twice; give it once{hint}")
            seen.add(parameter)
