"""``trusteq selftest``: whether the audit is right on the user's own model and items."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.lists import comma_separated
from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.screen import print_json, show, show_progress

if TYPE_CHECKING:
    from rich.console import RenderableType

    from trusteq.validity.selftest import SelfTest


@click.command(cls=NoRepeats)
@click.argument("model", metavar="MODEL")
@click.option(
    "--data", required=True, help="Labelled items: Parquet, CSV, TSV or JSONL (.gz), or the hub id of a dataset."
)
@click.option("--text", required=True, help="Columns that the model reads, in order: --text premise,hypothesis.")
@click.option("--label", required=True, help="Column with the gold label.")
@click.option("--id", "id_column", help="Column with the items' ids.")
@click.option("--label-names", help="Names of the codes 0, 1, 2, ... in the label column.")
@click.option("--split", help="Split of a Hugging Face dataset.")
@click.option("--items", type=click.IntRange(400), default=1000, show_default=True, help="Use at most this many items.")
@click.option("--explain-items", type=click.IntRange(100), default=100, show_default=True, help="Items to explain.")
@click.option("--device", help="Device, e.g. cuda.")
@click.option("--download", is_flag=True, help="Allow downloads from the Hugging Face hub; nothing else goes online.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Random seed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def selftest(model: str, **options: Any) -> int:
    """Test the audit on MODEL and your own items: an identical model must pass, planted differences must be caught.

    Four candidates are made from the model: itself; a shortcut that gives the same answers but decides by a planted
    word in some of the items; a less confident copy; one that answers at random. Then it says what this number of
    items can decide. The model runs only once, for all of them.

    \b
    trusteq selftest models/bert --data test.parquet --text sentence --label label

    Exit codes: 0 the audit was right every time, 1 it was not, 2 error.
    """  # noqa: D301
    from trusteq.data.read import read_items
    from trusteq.errors import OptionError
    from trusteq.explain.explanation import random_choice
    from trusteq.explain.value_tables import explainable
    from trusteq.models.open import ModelOptions, open_model
    from trusteq.validity.selftest import selftest as run_selftest

    with show_progress(quiet=options["quiet"] or options["as_json"]) as progress:
        items = read_items(
            options["data"],
            text=comma_separated(options["text"]),
            label=options["label"],
            label_names=comma_separated(options["label_names"]) or None,
            id=options["id_column"],
            split=options["split"],
            download=options["download"],
        )
        opened = open_model(model, options=ModelOptions(device=options["device"], download=options["download"]))
        if not explainable(opened):
            raise OptionError(f"model {opened.name} cannot run on new texts; give a model, not a file of its answers")
        if items.labels is not None:
            items.gold(opened.labels)
        some = items.take(random_choice(items.ids, options["items"], seed=options["seed"]))
        result = run_selftest(opened, some, explain_items=options["explain_items"], seed=options["seed"], tell=progress)
    if options["as_json"]:
        print_json({**asdict(result), "passed": result.passed})
    else:
        show(*_lines(result))
    return 0 if result.passed else 1


def _lines(result: SelfTest) -> list[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from trusteq.data.clean import clean

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("candidate", "what it is", "should be", "is", ""):
        table.add_column(column, header_style="dim", overflow="fold")
    for check in result.checks:
        row = (check.name, check.planted, check.expected.value, check.found.value, "right" if check.passed else "WRONG")
        table.add_row(*map(Text, row))
    reasons = [f"{check.name}: {clean(check.because)}" for check in result.checks]
    detectable = [
        f"{result.items:,} items, {r.changed:.0%} of the answers changed: an equally accurate candidate can be shown "
        f"to lose less than {100 * r.loss:.1f} points"
        + ("" if r.needed is None else f"; less than 1 point takes about {r.needed:,} items")
        for r in result.reach
    ]
    return [table, Text(), *map(Text, reasons), Text(), *map(Text, detectable)]
