"""Options that count once: of one given twice the first value would be dropped without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


class Once(click.Command):
    """A command that refuses an option with a value that is given twice, unless it may be repeated."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What click does, after a look at what was given."""
        refuse_twice(self.make_parser(ctx).parse_args(args=list(args))[2])
        return super().parse_args(ctx, args)


def refuse_twice(given: Sequence[click.Parameter]) -> None:
    """One line about the first option that is there again; ``given`` in the order of the command line."""
    seen: set[click.Parameter] = set()
    for parameter in given:
        if isinstance(parameter, click.Option) and not (parameter.is_flag or parameter.multiple or parameter.count):
            name = parameter.opts[0]
            if parameter in seen:
                several = ", several columns with commas: --text premise,hypothesis" if name == "--text" else ""
                raise click.UsageError(f"{name} is given twice; give it once{several}")
            seen.add(parameter)
