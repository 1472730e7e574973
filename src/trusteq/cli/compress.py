"""``trusteq compress``: a candidate made from a transformers classifier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.no_repeats import Once
from trusteq.cli.screen import print_json, progress, show
from trusteq.cli.training_data import TRAINING_DATA, read_training_data, training_data_options
from trusteq.compress.methods import METHODS, OPTIONS
from trusteq.data.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from trusteq.compress.candidate import Candidate
    from trusteq.data.items import Items

WIDEST = max(map(len, METHODS))
EPILOG = "\b\nMethods, and the options they take:\n" + "\n".join(
    f"  {name:<{WIDEST}}  {method.summary}"
    + (f"\n  {'':<{WIDEST}}  --{' --'.join(method.options)}" if method.options and not method.learns else "")
    for name, method in METHODS.items()
)
KINDS = {int: "INTEGER", float: "NUMBER", str: "TEXT"}


def _method_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with an option for everything that a method can be told."""
    for name, option in tuple(OPTIONS.items())[::-1]:
        metavar = "|".join(option.choices) or KINDS[option.kind]
        command = click.option(f"--{name}", type=option.kind, metavar=metavar, help=option.help)(command)
    return command


@click.command(cls=Once, epilog=EPILOG)
@click.argument("model", metavar="MODEL")
@click.option("--method", required=True, type=click.Choice(list(METHODS)), metavar="NAME", help="One of those below.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the candidate; must not exist.")
@_method_options
@training_data_options
@click.option("--download", is_flag=True, help="Allow fetching a hub id; nothing else ever goes online.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def compress(model: str, method: str, out: Path, **asked: Any) -> int:
    """Make a candidate from MODEL, a transformers classifier (folder or hub id).

    The result is a folder that audit opens, with its recipe in trusteq-recipe.json. It is read back and compared with
    what was in memory before it gets its name.

    \b
    trusteq compress models/bert --method int8-onnx --out models/bert-int8
    trusteq audit models/bert models/bert-int8 --data test.csv --text sentence --label label
    """  # noqa: D301
    from trusteq.compress.candidate import make

    quiet = asked["quiet"] or asked["as_json"]
    with progress(quiet=quiet) as tell:
        made = make(
            model,
            method=method,
            out=out,
            items=_items(asked, "data", method, tell),
            dev=_items(asked, "dev", method, tell),
            download=asked["download"],
            tell=tell,
            say=(lambda line: None) if quiet else (lambda line: click.echo(f"trusteq: {clean(line)}", err=True)),
            **{name: asked[name] for name in OPTIONS if asked[name] is not None},
        )
    if asked["as_json"]:
        print_json(made.document())
    else:
        click.echo(clean(f"{made.directory}: {made.method} of {model}"))
        show(*_shown(made))
    return 0


def _items(asked: dict[str, Any], which: str, method: str, tell: Callable[[str, int, int], None]) -> Items | None:
    """The items of --data or --dev; an option about items for a method that reads none is refused."""
    if not METHODS[method].learns:
        unused = next((name for name in TRAINING_DATA if asked[name]), None)
        if unused:
            flag = f"--{unused.replace('_', '-')}"
            raise click.UsageError(f"{flag} has no effect on method {method}, which learns nothing; leave it out")
    return read_training_data(asked, which, tell)


def _shown(made: Candidate) -> list[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from trusteq.report.cost_words import MISSING, size

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for heading in ("before", "after"):
        table.add_column(heading, justify="right")
    table.add_row("on disk", *(size(s.disk_bytes) for s in (made.before, made.after)))
    table.add_row("weights in memory", *(size(s.weights_bytes) for s in (made.before, made.after)))
    counts = (s.parameters for s in (made.before, made.after))
    table.add_row("parameters", *(MISSING if count is None else f"{count:,}" for count in counts))
    return [table, *(Text(clean(f"note: {note}")) for note in made.notes)]
