"""``trusteq train``: a classifier fine-tuned from a pretrained model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from trusteq.cli.no_repeats import Once
from trusteq.cli.screen import print_json, progress
from trusteq.cli.training_data import read_training_data, training_data_options
from trusteq.data.clean import clean
from trusteq.train.settings import RECIPES

WIDEST = max(map(len, RECIPES))
EPILOG = "\b\nRecipes; an option overrides what its recipe says:\n" + "\n".join(
    f"  {name:<{WIDEST}}  {r.epochs} epochs, rate {r.rate:g}, batch {r.batch}, weight decay {r.weight_decay:g}, "
    f"gradients clipped at {r.clip:g}" + (f", warm-up {r.warmup:.0%}, then falling" if r.decay else "")
    for name, r in RECIPES.items()
)
OVERRIDES = ("epochs", "rate", "batch", "clip", "warmup", "decay", "weight_decay", "seed", "mixed")


@click.command(cls=Once, epilog=EPILOG)
@click.argument("base", metavar="BASE")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the model; must not exist.")
@training_data_options
@click.option("--recipe", default="paper-nli", type=click.Choice(list(RECIPES)), show_default=True, metavar="NAME",
              help="How to train: one of those below.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1, 10_000), help="Times through the items.")
@click.option("--rate", type=click.FloatRange(0, 1, min_open=True), help="AdamW's learning rate at its peak.")
@click.option("--batch", type=click.IntRange(1, 1_000_000), help="Items in one step.")
@click.option("--clip", type=click.FloatRange(0, min_open=True), help="Largest norm of the gradient.")
@click.option("--weight-decay", type=click.FloatRange(0, 1), help="AdamW's.")
@click.option("--warmup", type=click.FloatRange(0, 1), help="Share of all steps in which the rate rises.")
@click.option("--decay/--no-decay", default=None, help="Let the rate fall to 0 after that.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of the head and of the order.  [default: 0]")
@click.option("--layers", type=click.IntRange(1, 1000), help="Take only so many of the base's layers.")
@click.option("--drop", type=click.Choice(["last", "first", "evenly"]), help="Which layers go.  [default: last]")
@click.option("--device", help="Where to train, e.g. cuda.  [default: the fastest there is]")
@click.option("--mixed/--no-mixed", default=None, help="bfloat16 forward passes on a GPU.  [default: float32]")
@click.option("--download", is_flag=True, help="Allow fetching a hub id; nothing else ever goes online.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def train(base: str, out: Path, **asked: Any) -> int:
    """Fine-tune BASE, a pretrained model (folder or hub id), to a classifier that audit and compress open.

    The epoch with the highest accuracy on --dev is kept. Interrupted, the same command goes on after the last whole
    epoch. Every setting and the curve of losses and accuracies are in the folder's trusteq-recipe.json.

    \b
    trusteq train bert-base-uncased --data train.csv --dev dev.csv --text premise,hypothesis --label label \\
        --out models/large
    """  # noqa: D301
    if asked["data"] is None or asked["label"] is None:
        raise click.UsageError("training learns from labelled items: name them with --data, --text and --label")
    if asked["drop"] and not asked["layers"]:
        raise click.UsageError("--drop has no effect without --layers; leave it out")
    overrides = {name: asked[name] for name in OVERRIDES if asked[name] is not None}
    from trusteq.train.fine_tuned import fine_tune

    quiet = asked["quiet"] or asked["as_json"]
    with progress(quiet=quiet) as tell:
        items = read_training_data(asked, "data", tell)
        assert items is not None  # noqa: S101 - seen to above
        try:
            made = fine_tune(
                base,
                items=items,
                dev=read_training_data(asked, "dev", tell),
                out=out,
                settings=replace(RECIPES[asked["recipe"]], **overrides),
                layers=asked["layers"],
                drop=asked["drop"] or "last",
                device=asked["device"],
                download=asked["download"],
                tell=tell,
                say=(lambda line: None) if quiet else (lambda line: click.echo(f"trusteq: {clean(line)}", err=True)),
            )
        except KeyboardInterrupt:
            raise click.Abort("interrupted; the same command goes on after the last whole epoch") from None
    if asked["as_json"]:
        print_json(made.document())
    else:
        best = made.best
        click.echo(clean(f"{made.directory}: trained from {base}"))
        click.echo(f"kept epoch {best.number} of {len(made.curve)}: dev accuracy {best.dev_accuracy:.1%}")
    return 0
