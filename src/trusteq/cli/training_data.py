"""Training data: the options that name it, and how it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.lists import listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.data.items import Items

TRAINING_DATA = ("data", "dev", "text", "label", "label_names", "ignore_label", "cluster")
"""The options' names as keywords."""


def training_data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with the options that name training data."""
    for option in (
        click.option("--cluster", help="Column that says which items belong together, and are held out together."),
        click.option("--ignore-label", help="Leave out items with these labels, e.g. -1."),
        click.option("--label-names", help="Names of the codes 0, 1, 2, ... in the label column."),
        click.option("--label", help="Column with the gold label."),
        click.option("--text", help="Columns that the model reads, in order: --text premise,hypothesis."),
        click.option("--dev", help="Items that choose the epoch.  [default: a tenth of --data, held out]"),
        click.option("--data", help="Items to learn from: Parquet, CSV, TSV or JSONL (.gz)."),
    ):
        command = option(command)
    return command


def read_training_data(asked: dict[str, Any], which: str, tell: Callable[[str, int, int], None]) -> Items | None:
    """The items of --data or --dev; None where there are none."""
    if asked[which] is None:
        return None
    from trusteq.data.read import read_items

    tell(f"read {which}", 0, 1)
    items = read_items(
        asked[which],
        text=listed(asked["text"]),
        label=asked["label"],
        label_names=listed(asked["label_names"]) or None,
        cluster=asked["cluster"],
        ignore_labels=listed(asked["ignore_label"]),
        download=asked["download"],
    )
    tell(f"read {which}", 1, 1)
    return items
