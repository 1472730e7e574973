"""``trusteq train``: a classifier fine-tuned from a pretrained model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.screen import print_json, show_progress
from trusteq.cli.training_data import read_training_data, training_data_options
from trusteq.data.clean import clean
from trusteq.train.settings import RECIPES

WIDEST = max(map(len, RECIPES))
EPILOG = "\b\nRecipes; options override the values of the recipe:\n" + "\n".join(
    f"  {name:<{WIDEST}}  {r.epochs} epochs, rate {r.rate:g}, batch {r.batch}, decay {r.weight_decay:g}, "
    f"clipped at {r.clip:g}" + (f",\n  {'':<{WIDEST}}  warm-up {r.warmup:.0%}, then falling" if r.decay else "")
    for name, r in RECIPES.items()
)
OVERRIDES = ("epochs", "rate", "batch", "clip", "warmup", "decay", "weight_decay", "seed", "mixed")


@click.command(cls=NoRepeats, epilog=EPILOG)
@click.argument("base", metavar="BASE")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the model; must not exist.")
@training_data_options
@click.option("--recipe", default="paper-nli", type=click.Choice(list(RECIPES)), show_default=True, metavar="NAME",
              help="One of the recipes below.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1, 10_000), help="Passes over the training items.")
@click.option("--rate", type=click.FloatRange(0, 1, min_open=True), help="Peak learning rate of AdamW.")
@click.option("--batch", type=click.IntRange(1, 1_000_000), help="Batch size.")
@click.option("--clip", type=click.FloatRange(0, min_open=True), help="Gradients are clipped at this norm.")
@click.option("--weight-decay", type=click.FloatRange(0, 1), help="Weight decay of AdamW.")
@click.option(
    "--warmup", type=click.FloatRange(0, 1), help="Share of steps in which the learning rate rises (warm-up)."
)
@click.option("--decay/--no-decay", default=None, help="Let the learning rate fall to 0 after the warm-up.")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of the head and the order of items.  [default: 0]"
)
@click.option("--layers", type=click.IntRange(1, 1000), help="Keep only this many of the base's layers.")
@click.option("--drop", type=click.Choice(["last", "first", "evenly"]), help="Which layers to drop.  [default: last]")
@click.option("--device", help="Device, e.g. cuda.  [default: the fastest available]")
@click.option(
    "--mixed/--no-mixed",
    default=None,
    help="bfloat16 forward passes on GPUs and processors that multiply in it.  [default: float32]",
)
@click.option("--download", is_flag=True, help="Allow downloads from the Hugging Face hub; nothing else goes online.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def train(base: str, out: Path, **options: Any) -> int:
    """Fine-tune BASE, a pretrained model (folder or hub id), into a classifier that audit and compress can open.

    The epoch with the highest accuracy on --dev is kept. If interrupted, run the same command again to continue after
    the last complete epoch. All settings, losses and accuracies are in the folder's trusteq-recipe.json.

    \b
    trusteq train bert-base-uncased --data train.csv --dev dev.csv \\
        --text premise,hypothesis --label label --out models/large
    """  # noqa: D301
    if options["data"] is None or options["label"] is None:
        raise click.UsageError("training needs labelled items: name them with --data, --text and --label")
    if options["drop"] and not options["layers"]:
        raise click.UsageError("--drop has no effect without --layers; remove it")
    overrides = {name: options[name] for name in OVERRIDES if options[name] is not None}
    settings = replace(RECIPES[options["recipe"]], **overrides)
    from trusteq.train.fine_tuned import fine_tune

    quiet = options["quiet"] or options["as_json"]
    with show_progress(quiet=quiet) as progress:
        items = read_training_data(options, "data", progress)
        assert items is not None  # noqa: S101 - checked above
        try:
            trained = fine_tune(
                base,
                items=items,
                dev=read_training_data(options, "dev", progress),
                out=out,
                settings=settings,
                layers=options["layers"],
                drop=options["drop"],
                device=options["device"],
                download=options["download"],
                tell=progress,
                say=(lambda line: None) if quiet else (lambda line: click.echo(f"trusteq: {clean(line)}", err=True)),
            )
        except KeyboardInterrupt:
            raise click.Abort(
                "interrupted; run the same command again to continue after the last complete epoch"
            ) from None
    if options["as_json"]:
        print_json(trained.document())
    else:
        best = trained.best
        click.echo(clean(f"{trained.directory}: trained from {base}"))
        click.echo(f"kept epoch {best.number} of {len(trained.curve)}: dev accuracy {best.dev_accuracy:.1%}")
    return 0
