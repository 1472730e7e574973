"""Options in groups, so that --help can be read: what is used most stands first in its group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.no_repeats import NoRepeats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDEST = 22
"""Longer names of options stand in a line of their own."""


class Grouped(NoRepeats):
    """A command whose --help shows its options in these groups, by heading, and the rest below."""

    def __init__(self, *args: Any, groups: Mapping[str, Sequence[str]] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.groups = groups or {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of each group, then those of none."""
        shown = {}
        for option in (parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)):
            name, text = option.get_help_record(ctx) or ("", "")
            shown[option.opts[0]] = (name.replace("INTEGER RANGE", "N"), text)
        width = max(len(name) for name, _ in shown.values() if len(name) <= WIDEST)
        for heading, flags in self.groups.items():
            _write(formatter, heading, [shown.pop(flag) for flag in flags], width)
        _write(formatter, "Other options" if self.groups else "Options", list(shown.values()), width)


def _write(formatter: click.HelpFormatter, heading: str, records: list[tuple[str, str]], width: int) -> None:
    with formatter.section(heading):
        formatter.write_dl([(name.ljust(width), text) for name, text in records], col_max=width)
