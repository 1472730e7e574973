"""``trusteq shrink``: the smallest candidate that may replace a model, found on some items and confirmed on others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.lists import comma_separated
from trusteq.cli.model_options import ModelCommand, model_backends, options_for, refuse_unused
from trusteq.cli.screen import print_json, show, show_progress
from trusteq.cli.streams import print_or_warn
from trusteq.cli.training_data import say_left_out
from trusteq.cli.unnamed_texts import unnamed_texts
from trusteq.cli.work_options import work_folder, work_options
from trusteq.data.clean import clean
from trusteq.stats.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trusteq.data.items import Items
    from trusteq.progress import Tell
    from trusteq.prompts.task_file import TaskFile
    from trusteq.shrink.record import Search


GROUPS = {
    "Data": (
        "--data",
        "--text",
        "--label",
        "--test",
        "--train",
        "--cluster",
        "--picture",
        "--columns",
        "--id",
        "--label-names",
        "--ignore-label",
        "--split",
        "--skip-unreadable",
    ),
    "What is tried, and how long": ("--out", "--budget", "--methods", "--also", "--confirm"),
    "What to require": ("--policy", "--dimensions", "--explain-items", "--resamples", "--seed"),
    "The model": (
        "--labels",
        "--scores",
        "--tokenizer",
        "--task",
        "--download",
        "--preprocessing",
        "--output",
        "--score",
        "--top-tokens",
    ),
    "Where it runs": (
        "--workers",
        "--device",
        "--work",
        "--no-resume",
        "--token-budget",
        "--ray",
        "--ray-address",
        "--gpus",
        "--deadline",
    ),
}
"""The options by what they are about."""


@click.command(cls=ModelCommand, groups=GROUPS)
@click.argument("model", metavar="MODEL")
@click.option(
    "--data", required=True, help="Development items: Parquet, CSV, TSV or JSONL (.gz), a folder of pictures."
)
@click.option("--test", help="Untouched items that confirm the choice.  [default: half of --data, whole clusters]")
@click.option("--train", help="Items that some methods learn from.  [default: a quarter of --data, whole clusters]")
@click.option("--text", help="Columns that the model reads, in order: --text premise,hypothesis.")
@click.option("--picture", help="Columns of pictures; a folder of pictures needs none.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out items whose pictures cannot be decoded.")
@click.option("--columns", help="Columns of a table that the model reads, in order, or all.")
@click.option("--label", help="Column with the gold label, which rules on accuracy and calibration need.")
@click.option("--label-names", help="Names of the codes 0, 1, 2, ... in the label column.")
@click.option("--ignore-label", help="Exclude items with these labels, e.g. -1.")
@click.option("--id", "id_column", help="Column with item ids.")
@click.option("--cluster", help="Column that says which items belong together, e.g. the premise.")
@click.option("--split", help="Split of a Hugging Face dataset.")
@click.option("--policy", help="Preset (default, generative, paper) or YAML file.  [default: default]")
@click.option("--dimensions", help="Dimensions that EQUIVALENT requires: behaviour,calibration[,explanation].")
@click.option("--methods", help="Try only candidates of these methods: int8-onnx,distil.  [default: all that shrink]")
@click.option("--also", multiple=True, metavar="FOLDER", help="A candidate of your own; may be repeated.")
@click.option(
    "--budget", "time", metavar="TIME", help="Start nothing new after this time: 30min, 2h, 90s.  [default: no limit]"
)
@click.option(
    "--confirm", is_flag=True, help="When the budget ends, confirm the best candidate so far, which ends the search."
)
@click.option(
    "--explain-items",
    type=click.IntRange(min=2),
    default=500,
    show_default=True,
    help="Number of items that an audit with explanations explains.",
)
@click.option(
    "--resamples",
    type=click.IntRange(*LIMITS["resamples"]),
    default=2000,
    show_default=True,
    help="Bootstrap resamples.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Random seed.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for everything that is made.")
@work_options
@click.option("--json", "as_json", is_flag=True, help="Print shrink.json on stdout instead of the table.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def shrink(model: str, **options: Any) -> int:
    """Find the smallest candidate that may replace MODEL: make many, audit them, confirm the best on untouched items.

    A ladder of methods and strengths is tried. The smallest candidate that is EQUIVALENT on development items is then
    audited once on untouched ones, and this verdict is reported. OUT holds the candidates, their audits, shrink.json
    and the page shrink.html; the same command goes on where it was interrupted or its budget ended.

    \b
    trusteq shrink bert/ --data dev.csv --test test.csv --text review \\
        --label label --out smaller
    trusteq shrink bert/ --data all.csv --text review --label label \\
        --cluster author --budget 30min --out smaller

    Exit codes: 0 EQUIVALENT, 1 NOT EQUIVALENT (or no candidate is better than that), 3 UNDECIDED or stopped by the
    budget, 2 error.
    """  # noqa: D301
    from trusteq.models.open import default_name
    from trusteq.policy import read_policy
    from trusteq.prompts.task_file import read_task_file
    from trusteq.shrink.smallest import PAGE, search
    from trusteq.shrink.terminal import render
    from trusteq.work.executor import executor
    from trusteq.work.folder import folder_at

    out: Path = options["out"]
    seconds = None if options["time"] is None else seconds_in(options["time"])
    if options["confirm"] and seconds is None:
        raise click.UsageError(
            "--confirm has no effect without --budget: a search that ends confirms its choice anyway"
        )
    policy = None if options["policy"] is None else read_policy(options["policy"])
    name = default_name(model)
    backends = model_backends([(name, model)], download=options["download"])
    command = click.get_current_context().command
    refuse_unused(options, command.model_options, backends)  # type: ignore[attr-defined]
    task_file = read_task_file(options["task"]) if options["task"] else None
    texts = comma_separated(options["text"]) or (() if task_file is None else task_file.columns)
    if backends[name].reads_texts and not texts:
        raise unnamed_texts(name, options["data"])
    quiet = options["quiet"] or options["as_json"]

    def say(line: str) -> None:
        if not quiet:
            click.echo(f"trusteq: {clean(line)}", err=True)

    work = work_folder(options["work"], out)
    try:
        with (
            show_progress(quiet=quiet) as progress,
            executor(
                workers=options["workers"],
                keep=work,
                resume=not options["no_resume"],
                deadline=options["deadline"],
                ray=options["ray"] if options["ray_address"] is None else options["ray_address"],
                gpus=options["gpus"],
                say=say,
            ) as running,
        ):
            items = {
                part: _read(options, options[part], texts, task_file, progress)
                for part in ("data", "test", "train")
                if options[part] is not None
            }
            found = search(
                model,
                items["data"],
                test=items.get("test"),
                train=items.get("train"),
                out=out,
                policy=policy,
                dimensions=comma_separated(options["dimensions"]) or None,
                methods=comma_separated(options["methods"]) or None,
                also=options["also"],
                explain_items=options["explain_items"],
                budget=seconds,
                confirm=options["confirm"],
                resamples=options["resamples"],
                seed=options["seed"],
                options=options_for(name, backends, options, {}),
                executor=running,
                tell=progress,
                say=say,
            )
    except KeyboardInterrupt:
        raise click.Abort("interrupted; run the same command again to continue") from None
    if found.finished and not options["work"]:
        folder_at(work).remove()
    with print_or_warn(found.exit_code, out):
        _print(found, as_json=options["as_json"], render=render)
        click.echo(f"page: {clean(str(out / PAGE))}", err=True)
    return found.exit_code


def _print(found: Search, *, as_json: bool, render: Callable[[Search], Any]) -> None:
    if as_json:
        print_json(found.document())
    else:
        show(render(found))


def _read(
    options: Mapping[str, Any],
    source: str,
    texts: tuple[str, ...],
    task_file: TaskFile | None,
    progress: Tell,
) -> Items:
    """The items of one of the files, all read in the same way."""
    from trusteq.data.read import read_items

    stage = f"read {source}"
    progress(stage, 0, 1)
    items = read_items(
        source,
        text=texts,
        picture=comma_separated(options["picture"]),
        columns=comma_separated(options["columns"]),
        label=options["label"],
        label_names=comma_separated(options["label_names"]) or None,
        id=options["id_column"],
        cluster=options["cluster"],
        ignore_labels=comma_separated(options["ignore_label"]),
        split=options["split"],
        download=options["download"],
        options=None if task_file is None else task_file.options,
        skip_unreadable=options["skip_unreadable"],
    )
    say_left_out(items, source, quiet=options["quiet"] or options["as_json"])
    progress(stage, 1, 1)
    return items


UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def seconds_in(text: str) -> float:
    """The seconds of a time such as "30min"; a usage error for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h)", text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no time; give a number with s, min or h: 30min", param_hint="--budget")
    return float(found[1]) * UNITS[found[2]]
