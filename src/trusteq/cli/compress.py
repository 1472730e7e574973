"""``trusteq compress``: a candidate made from a transformers classifier or language model, or from an ONNX graph."""

from __future__ import annotations

from pathlib import Path
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any, Literal

import click

from trusteq.cli.before_and_after import before_and_after, how_far
from trusteq.cli.grouped import Grouped
from trusteq.cli.screen import print_json, show, show_progress
from trusteq.cli.training_data import TRAINING_DATA, read_training_data, training_data_options
from trusteq.compress.methods import GRAPHS, LANGUAGE_MODELS, METHODS, OPTIONS, PICTURE_MODELS, Method
from trusteq.data.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from trusteq.compress.candidate import Candidate
    from trusteq.data.items import Items
    from trusteq.progress import Tell


def _details(method: Method) -> list[str]:
    """What --help says about a method besides its summary."""
    options = TextWrapper(width=60, break_on_hyphens=False).wrap(" ".join(f"--{name}" for name in method.options))
    without = [kind for kind in Method.models if kind not in method.models]
    if without != [LANGUAGE_MODELS]:
        return [*options, method.only] if without else options
    more = [f"for {kind} too, " for kind in method.models if kind not in Method.models]
    return [*options, f"{''.join(more)}not for {LANGUAGE_MODELS}"]


WIDEST = max(map(len, METHODS))
EPILOG = "\b\nMethods, and the options they take:\n" + "\n".join(
    f"  {name:<{WIDEST}}  {method.summary}" + "".join(f"\n  {'':<{WIDEST}}  {line}" for line in _details(method))
    for name, method in METHODS.items()
)
OF_KINDS = {"picture": "pictures", "sound": "sounds", "columns": "rows of tables"}
"""Options that name what is read of items besides texts, and the word for it."""
MEDIA = ("picture", "sound", "resample", "skip_unreadable")
"""Options of pictures and sounds, which the same methods learn from."""

AUDITED = ("no_audit", "test", "policy", "explain_items", "task", "run")
"""Options of an audit before and after."""

KINDS = {int: "INTEGER", float: "NUMBER", str: "TEXT"}


def _method_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with the options of all methods."""
    for name, option in tuple(OPTIONS.items())[::-1]:
        if option.kind is bool:
            command = click.option(f"--{name}", is_flag=True, default=None, help=option.help)(command)
            continue
        metavar = "|".join(option.choices) or KINDS[option.kind]
        command = click.option(f"--{name}", type=option.kind, metavar=metavar, help=option.help)(command)
    return command


GROUPS = {
    "What is made": ("--method", "--out", "--original", "--download"),
    "Items it is made with": (
        "--data",
        "--text",
        "--label",
        "--picture",
        "--sound",
        "--columns",
        "--label-names",
        "--ignore-label",
        "--cluster",
        "--dev",
        "--resample",
        "--skip-unreadable",
    ),
    "Options of the methods (which takes which is below)": tuple(f"--{name}" for name in OPTIONS),
    "Audit before and after": ("--test", "--no-audit", "--policy", "--explain-items", "--task", "--run"),
}
"""The options by what they are about."""


@click.command(cls=Grouped, groups=GROUPS, epilog=EPILOG)
@click.argument("model", metavar="MODEL")
@click.option(
    "--method", required=True, type=click.Choice(list(METHODS)), metavar="NAME", help="One of the methods below."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the candidate; must not exist.")
@click.option("--original", help="The large model that MODEL, a candidate, is to answer like.")
@_method_options
@training_data_options
@click.option("--picture", help="Columns of pictures; a folder of pictures as --data needs none.")
@click.option("--sound", help="Columns of recordings; a folder of sounds as --data needs none.")
@click.option("--resample", type=click.IntRange(min=1), help="Resample recordings to so many Hz, as the model hears.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out items whose pictures or sounds cannot be decoded.")
@click.option("--columns", help="Columns of a table that the model reads, in order, or all.")
@click.option(
    "--test", help="Items to audit the candidate on, before and after.  [default: a part of --data, set aside]"
)
@click.option("--no-audit", is_flag=True, help="Skip the audit before and after, and learn from all of --data.")
@click.option(
    "--policy", help="Preset or YAML file to judge the audit by.  [default: default; generative for language models]"
)
@click.option(
    "--explain-items",
    type=click.IntRange(min=2),
    help="How many items of the audit to explain.  [default: 100]",
)
@click.option("--task", help="How a language model is asked in the audit: a YAML file.  [default: for each next token]")
@click.option("--run", type=click.Path(path_type=Path), help="Save the audit in this run directory.")
@click.option("--download", is_flag=True, help="Allow downloads from the Hugging Face hub; nothing else goes online.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def compress(model: str, method: str, out: Path, **options: Any) -> int:
    """Make a candidate from MODEL: transformers classifier (texts, pictures, sounds), language model, .onnx, .gguf.

    The result is a folder that audit can open, with its recipe in trusteq-recipe.json. It is read back and compared
    with the model in memory before it gets its final name.

    \b
    trusteq compress models/bert --method int8-onnx --out models/bert-int8
    trusteq compress SmolLM2-135M.gguf --method int4-weights --group 64 \\
        --out models/smol-int4
    trusteq compress resnet.onnx --method int8-static --data photos/ \\
        --out models/resnet-int8
    """  # noqa: D301
    from trusteq.compress.candidate import make

    quiet = options["quiet"] or options["as_json"]
    run = _run(options, method, out)
    with show_progress(quiet=quiet) as progress:
        candidate = make(
            model,
            method=method,
            out=out,
            original=options["original"],
            items=_items(options, "data", method, progress),
            dev=_items(options, "dev", method, progress),
            test=_items(options, "test", method, progress),
            audit=not options["no_audit"],
            policy=options["policy"],
            explain_items=options["explain_items"],
            task=options["task"],
            download=options["download"],
            tell=progress,
            say=(lambda line: None) if quiet else (lambda line: click.echo(f"trusteq: {clean(line)}", err=True)),
            **{name: options[name] for name in OPTIONS if options[name] is not None},
        )
    if run is not None and candidate.audit is not None:
        candidate.audit.save(run)
    if options["as_json"]:
        print_json(candidate.document())
        return 0
    click.echo(clean(f"{candidate.directory}: {candidate.method} of {model}"))
    show(*_lines(candidate))
    if run is not None:
        click.echo(f"run directory: {clean(str(run))}", err=True)
    return 0


def _run(options: dict[str, Any], method: str, out: Path) -> Path | None:
    """Where the audit is saved, if anywhere; an error for an option that only an audit uses where there is none."""
    from trusteq.record.saving import free_directory

    for name in AUDITED if not METHODS[method].original else AUDITED[1:] if options["no_audit"] else ():
        if options[name]:
            why = "with --no-audit" if METHODS[method].original else f"on method {method}, which audits nothing"
            raise click.UsageError(f"--{name.replace('_', '-')} has no effect {why}; remove it")
    if options["run"] is None:
        return None
    run = free_directory(options["run"])
    ours, theirs = run.resolve(), out.resolve()
    if ours.is_relative_to(theirs) or theirs.is_relative_to(ours):
        where = "is" if ours == theirs else "is in" if ours.is_relative_to(theirs) else "holds"
        raise click.UsageError(f"--run {run} {where} the candidate's folder {out}; name another, e.g. {out}-audit")
    return run


def _items(
    options: dict[str, Any],
    which: Literal["data", "dev", "test"],
    method: str,
    progress: Tell,
) -> Items | None:
    """The items of --data, --dev or --test; options about items that the method does not use are refused."""
    chosen = METHODS[method]
    used: tuple[str, ...] = ()
    if chosen.learns or chosen.calibrates:
        used = (*(TRAINING_DATA if chosen.learns else ("data",)), *_read_by(chosen))
    unused = next((name for name in (*TRAINING_DATA, *MEDIA, "columns") if options[name] and name not in used), None)
    if unused:
        flag = f"--{unused.replace('_', '-')}"
        kinds = ["texts", *(OF_KINDS[name] for name in _read_by(chosen) if name in OF_KINDS)]
        why = f"learns from {' or '.join(kinds)}" if chosen.learns else "does not train"
        raise click.UsageError(f"{flag} has no effect on method {method}, which {why}; remove it")
    return read_training_data(options, which, progress)


def _read_by(method: Method) -> tuple[str, ...]:
    """The options that name what a method learns from, besides those of every one that trains, or calibrates on."""
    if method.calibrates and method.original:
        return (*(name for name in TRAINING_DATA if name != "dev"), *MEDIA, "columns")
    if method.calibrates:
        return (*MEDIA, "columns") if GRAPHS in method.models else ("text",)
    return MEDIA if PICTURE_MODELS in method.models else ()


def _lines(candidate: Candidate) -> list[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from trusteq.report.cost_words import MISSING, size

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for heading in ("before", "after"):
        table.add_column(heading, justify="right")
    table.add_row("on disk", *(size(s.disk_bytes) for s in (candidate.before, candidate.after)))
    table.add_row("weights in memory", *(size(s.weights_bytes) for s in (candidate.before, candidate.after)))
    counts = (s.parameters for s in (candidate.before, candidate.after))
    table.add_row("parameters", *(MISSING if count is None else f"{count:,}" for count in counts))
    moved, notes = candidate.recipe.get("moved"), [Text(clean(f"note: {note}")) for note in candidate.notes]
    return [
        table,
        *(before_and_after(candidate.audit, candidate.change) if candidate.audit and candidate.change else ()),
        *([how_far(moved), Text()] if moved else ()),
        *notes,
    ]
