"""``trusteq selftest``: whether the audit is right on the user's own model and items."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import click

from trusteq.cli.lists import comma_separated
from trusteq.cli.model_options import ModelCommand, model_backends, options_for, refuse_unused
from trusteq.cli.screen import print_json, show, show_progress
from trusteq.cli.unnamed_texts import unnamed_texts

if TYPE_CHECKING:
    from rich.console import RenderableType

    from trusteq.validity.selftest import SelfTest


@click.command(cls=ModelCommand)
@click.argument("model", metavar="MODEL")
@click.option(
    "--data",
    required=True,
    help="Labelled items: Parquet, CSV, TSV or JSONL (.gz), a folder of pictures or sounds, a dataset of the hub.",
)
@click.option("--text", help="Columns that the model reads, in order: --text premise,hypothesis.")
@click.option("--sound", help="Columns of recordings; a folder of sounds needs none.")
@click.option("--features", help="Columns with features of sounds: lists [time, coefficients].")
@click.option("--rate", type=click.IntRange(min=1), help="Resample all recordings to so many Hz.  [default: refuse]")
@click.option(
    "--channels",
    type=click.Choice(["one", "mean"]),
    default="one",
    show_default=True,
    help="Recordings of several channels: one refuses them, mean averages them.",
)
@click.option("--picture", help="Columns of pictures; a folder of pictures needs none.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out items whose pictures or sounds cannot be decoded.")
@click.option("--columns", help="Columns of a table whose rows the model reads, or all for all without other part.")
@click.option("--categories", help="Columns of --columns that hold categories even where they look like numbers.")
@click.option(
    "--background",
    help="A file with rows of the same columns, whose values stand in for columns left out.  [default: 100 items]",
)
@click.option("--label", help="Column with the gold label; a folder with a subfolder for each label needs none.")
@click.option("--id", "id_column", help="Column with the items' ids.")
@click.option("--label-names", help="Names of the codes 0, 1, 2, ... in the label column.")
@click.option("--split", help="Split of a Hugging Face dataset.")
@click.option("--items", type=click.IntRange(400), default=1000, show_default=True, help="Use at most this many items.")
@click.option("--explain-items", type=click.IntRange(100), default=100, show_default=True, help="Items to explain.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Random seed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def selftest(model: str, **options: Any) -> int:
    """Test the audit on MODEL and your own items: an identical model must pass, planted differences must be caught.

    Four candidates are made from the model: itself; a shortcut that gives the same answers but decides by what was
    planted in some of the items (a last word, a square in a picture's corner, a quiet hum, a column of a table); a
    less confident copy; one that answers at random. Then it says what this number of items can decide. The model runs
    only once, for all of them.

    \b
    trusteq selftest models/bert --data test.parquet --text sentence --label label
    trusteq selftest resnet.onnx --data pictures

    Exit codes: 0 the audit was right every time, 1 it was not, 2 error.
    """  # noqa: D301
    from trusteq.cli.audit import reads_tables
    from trusteq.data.read import read_items
    from trusteq.errors import OptionError
    from trusteq.explain.explanation import random_choice
    from trusteq.explain.value_tables import explainable
    from trusteq.models.open import default_name, open_model
    from trusteq.models.traits import traits_of
    from trusteq.validity.selftest import selftest as run_selftest

    name = default_name(model)
    backends = model_backends([(name, model)], download=options["download"])
    refuse_unused(options, cast("ModelCommand", click.get_current_context().command).model_options, backends)
    if backends[name].reads_texts and not options["text"]:
        raise unnamed_texts(name, options["data"])
    columns = comma_separated(options["columns"])
    if not columns and reads_tables(options, [(name, model)], backends):
        columns = ("all",)
    with show_progress(quiet=options["quiet"] or options["as_json"]) as progress:
        items = read_items(
            options["data"],
            text=comma_separated(options["text"]),
            sound=comma_separated(options["sound"]),
            features=comma_separated(options["features"]),
            rate=options["rate"],
            channels=options["channels"],
            picture=comma_separated(options["picture"]),
            columns=columns,
            categories=comma_separated(options["categories"]),
            background=options["background"],
            skip_unreadable=options["skip_unreadable"],
            label=options["label"],
            label_names=comma_separated(options["label_names"]) or None,
            id=options["id_column"],
            split=options["split"],
            download=options["download"],
        )
        opened = open_model(model, name=name, options=options_for(name, backends, options, {}))
        if not explainable(opened):
            raise OptionError(
                f"model {opened.name} cannot run on changed items; give a model, not a file of its answers"
            )
        if traits_of(opened).asking is not None:
            raise OptionError(f"model {opened.name} is a language model; a self-test is for models of fixed labels")
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
