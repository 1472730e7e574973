"""Training data: its options, and reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from trusteq.cli.lists import comma_separated
from trusteq.data.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.data.items import Items
    from trusteq.progress import Tell

TRAINING_DATA = ("data", "dev", "text", "label", "label_names", "ignore_label", "cluster")
"""The options' names as keywords."""


def training_data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with the options that name training data."""
    for option in (
        click.option("--cluster", help="Column that says which items belong together and are held out together."),
        click.option("--ignore-label", help="Exclude items with these labels, e.g. -1."),
        click.option("--label-names", help="Names of the codes 0, 1, 2, ... in the label column."),
        click.option("--label", help="Column with the gold label."),
        click.option("--text", help="Columns that the model reads, in order: --text premise,hypothesis."),
        click.option("--dev", help="Items used to choose the epoch.  [default: a tenth of --data, held out]"),
        click.option("--data", help="Training items: Parquet, CSV, TSV or JSONL (.gz)."),
    ):
        command = option(command)
    return command


def read_training_data(options: dict[str, Any], which: Literal["data", "dev", "test"], progress: Tell) -> Items | None:
    """The items of --data, --dev or --test; None without that option."""
    if options[which] is None:
        return None
    from trusteq.data.read import read_items

    progress(f"read {which}", 0, 1)
    items = read_items(
        options[which],
        text=comma_separated(options["text"]),
        picture=comma_separated(options.get("picture")),
        sound=comma_separated(options.get("sound")),
        rate=options.get("resample"),
        columns=comma_separated(options.get("columns")),
        label=options["label"],
        label_names=comma_separated(options["label_names"]) or None,
        cluster=options["cluster"],
        ignore_labels=comma_separated(options["ignore_label"]),
        download=options["download"],
        skip_unreadable=options.get("skip_unreadable", False),
    )
    say_left_out(items, options[which], quiet=options["quiet"] or options["as_json"])
    progress(f"read {which}", 1, 1)
    return items


def say_left_out(items: Items, source: str, *, quiet: bool) -> None:
    """Say on stderr how many items --skip-unreadable has left out, if any."""
    if items.unreadable and not quiet:
        count = f"{items.unreadable:,} of {len(items) + items.unreadable:,} items left out"
        click.echo(clean(f"trusteq: {source}: {count}, whose files cannot be decoded"), err=True)
