"""``trusteq selftest``: whether the audit is right on one's own model and items."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from trusteq.cli.lists import listed
from trusteq.cli.no_repeats import Once
from trusteq.cli.screen import print_json, progress, show


@click.command(cls=Once)
@click.argument("model", metavar="MODEL")
@click.option("--data", required=True, help="Labelled items: Parquet, CSV, TSV or JSONL (.gz), or a data set's hub id.")
@click.option("--text", required=True, help="Columns that the model reads, in order: --text premise,hypothesis.")
@click.option("--label", required=True, help="Column with the gold label.")
@click.option("--id", "id_column", help="Column with the items' ids.")
@click.option("--label-names", help="Names of the codes 0, 1, 2, ... in the label column.")
@click.option("--split", help="Split of a Hugging Face dataset.")
@click.option(
    "--items", type=click.IntRange(400), default=1000, show_default=True, help="At most so many of the items."
)
@click.option("--explain-items", type=click.IntRange(100), default=100, show_default=True, help="How many to explain.")
@click.option("--device", help="Where the model runs, e.g. cuda.")
@click.option("--download", is_flag=True, help="Allow fetching a hub id; nothing else ever goes online.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of everything random.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def selftest(model: str, **asked: Any) -> int:
    """Try the audit on MODEL and your own items: what is the same must pass, what was planted must be caught.

    Four candidates are made from the model: itself; a shortcut that gives the same answers but decides by a planted
    word in part of the items; a copy that is less sure; one that answers by lot. Then it says what as many items can
    decide. The model is asked once for all of them.

    \b
    trusteq selftest models/bert --data test.parquet --text sentence --label label

    Exit codes: 0 the audit was right every time, 1 it was not, 2 error.
    """  # noqa: D301
    from trusteq.data.read import read_items
    from trusteq.errors import OptionError
    from trusteq.explain.explanation import choose
    from trusteq.explain.table import explainable
    from trusteq.models.open import ModelOptions, open_model
    from trusteq.validity.selftest import selftest as run_selftest

    with progress(quiet=asked["quiet"] or asked["as_json"]) as tell:
        items = read_items(
            asked["data"],
            text=listed(asked["text"]),
            label=asked["label"],
            label_names=listed(asked["label_names"]) or None,
            id=asked["id_column"],
            split=asked["split"],
            download=asked["download"],
        )
        opened = open_model(model, options=ModelOptions(device=asked["device"], download=asked["download"]))
        if not explainable(opened):
            raise OptionError(f"model {opened.name} cannot be asked about other texts; give a model, not its answers")
        if items.labels is not None:
            items.gold(opened.labels)
        some = items.take(choose(items.ids, asked["items"], seed=asked["seed"]))
        found = run_selftest(opened, some, explain_items=asked["explain_items"], seed=asked["seed"], tell=tell)
    if asked["as_json"]:
        print_json({**asdict(found), "passed": found.passed})
    else:
        show(*_told(found))
    return 0 if found.passed else 1


def _told(found: Any) -> list[Any]:
    from rich.table import Table
    from rich.text import Text

    from trusteq.data.clean import clean

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("candidate", "what it is", "should be", "is", ""):
        table.add_column(column, header_style="dim", overflow="fold")
    for check in found.checks:
        row = (check.name, check.planted, check.expected.value, check.found.value, "right" if check.passed else "WRONG")
        table.add_row(*map(Text, row))
    said = [f"{check.name}: {clean(check.because)}" for check in found.checks]
    reach = [
        f"{found.items:,} items, {r.changed:.0%} of the answers changed: a candidate that is as accurate is shown to "
        f"lose less than {100 * r.loss:.1f} points"
        + ("" if r.needed is None else f"; less than 1 point takes about {r.needed:,} items")
        for r in found.reach
    ]
    return [table, Text(), *map(Text, said), Text(), *map(Text, reach)]
