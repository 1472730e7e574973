"""``trusteq audit``: from models and a data file to a verdict and a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.screen import print_json, progress, screen
from trusteq.report.clean import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.models.open import ModelOptions


def _listed(text: str | None) -> tuple[str, ...]:
    """The parts of "a,b,c"."""
    return () if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


@click.command()
@click.argument("reference", metavar="REFERENCE")
@click.argument("candidates", metavar="CANDIDATE...", nargs=-1, required=True)
@click.option(
    "--data", help="Items: Parquet, CSV, TSV or JSONL (.gz), a dataset folder or hub id.  [default: REFERENCE]"
)
@click.option("--text", help="Columns that the models read, in order: --text premise,hypothesis.")
@click.option("--label", help="Column with the gold label; without it, what needs labels is not measured.")
@click.option("--label-names", help="Names of the codes 0, 1, 2, ... in the label column.")
@click.option("--ignore-label", help="Leave out items with these labels, e.g. -1 for SNLI's undecided.")
@click.option("--id", "id_column", help='Column with item ids.  [default: "id" if there is one, else row numbers]')
@click.option("--by-row", is_flag=True, help="Match predictions files by row number, whatever their ids.")
@click.option("--slice", "slices", multiple=True, help="Column to slice by; may be repeated.")
@click.option("--cluster", help="Column that says which items belong together, e.g. the premise.")
@click.option("--split", help="Split of a Hugging Face dataset.")
@click.option("--labels", multiple=True, help="Label names of a model in its own order: [NAME=]a,b,c.")
@click.option(
    "--scores", multiple=True, help="What predictions files and ONNX outputs hold: [NAME=]probabilities|logits."
)
@click.option("--tokenizer", help="Folder with tokenizer.json for ONNX models that have none beside them.")
@click.option("--output", help="Output of an ONNX graph that has several.")
@click.option("--device", help="Where transformers run, e.g. cuda.")
@click.option("--download", is_flag=True, help="Allow fetching a hub id; nothing else ever goes online.")
@click.option("--token-budget", type=click.IntRange(min=1), help="Tokens in one batch, padding included.")
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Items a call for models whose answers depend on their batch.",
)
@click.option("--policy", default="default", show_default=True, help="Preset (default, paper) or YAML file.")
@click.option("--dimensions", help="What EQUIVALENT requires: behaviour,calibration[,explanation].")
@click.option("--resamples", type=click.IntRange(min=100), default=2000, show_default=True, help="Bootstrap resamples.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of everything random.")
@click.option("--no-slices", is_flag=True, help="Skip the slices, the slowest part for many items.")
@click.option("--allow-same", is_flag=True, help="Compare a model even with itself.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run directory.  [default: trusteq-run, trusteq-run-2, ...]"
)
@click.option("--json", "as_json", is_flag=True, help="Print audit.json on stdout instead of the table.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def audit(reference: str, candidates: tuple[str, ...], **asked: Any) -> int:
    """Tell whether each CANDIDATE may replace the REFERENCE.

    A model is a transformers folder or hub id (safetensors), an .onnx file or folder, or a file of predictions with
    one column a label; NAME=LOCATION names it.

    \b
    trusteq audit models/bert models/bert-int8 --data test.parquet --text sentence --label label
    trusteq audit bert.csv tiny.csv --label gold

    Exit codes: 0 EQUIVALENT, 1 NOT EQUIVALENT, 3 UNDECIDED, 2 error.
    """  # noqa: D301
    from trusteq._audit import audit as run_audit
    from trusteq.data.read import read_items
    from trusteq.models.open import open_model
    from trusteq.policy import read_policy
    from trusteq.report.document import document
    from trusteq.report.terminal import render
    from trusteq.runs.directory import free_directory

    policy = read_policy(asked["policy"])
    out = free_directory(asked["out"])
    named = names_and_locations([reference, *candidates])
    data = asked["data"] or named[0][1]
    slices = tuple(part for given in asked["slices"] for part in _listed(given))
    with progress(quiet=asked["quiet"] or asked["as_json"]) as tell:
        tell("read items", 0, 1)
        items = read_items(
            data,
            text=_listed(asked["text"]),
            label=asked["label"],
            label_names=_listed(asked["label_names"]) or None,
            id=asked["id_column"],
            by_row=asked["by_row"],
            slices=slices,
            cluster=asked["cluster"],
            ignore_labels=_listed(asked["ignore_label"]),
            split=asked["split"],
        )
        tell("read items", 1, 1)
        # A predictions file may hold the items' own columns beside its labels.
        own = {asked["label"], asked["cluster"], *slices, *_listed(asked["text"])} - {None}
        models = {
            name: open_model(
                location, name=name, options=_options(asked, name, [n for n, _ in named], tuple(sorted(own)))
            )
            for name, location in named
        }
        result = run_audit(
            models.pop(named[0][0]),
            models,
            items,
            policy=policy,
            dimensions=_listed(asked["dimensions"]) or None,
            batch=asked["batch"],
            resamples=asked["resamples"],
            seed=asked["seed"],
            with_slices=not asked["no_slices"],
            allow_same=asked["allow_same"],
            progress=tell,
        )
        path = result.save(out)
    if asked["as_json"]:
        print_json(document(result))
    else:
        screen().print(render(result))
        click.echo(f"run directory: {clean(str(path))}", err=True)
    return result.exit_code


def names_and_locations(specs: Sequence[str]) -> list[tuple[str, str]]:
    """Name and location of each model: NAME=LOCATION, or named after its file or folder, parents added until unique."""
    given: list[tuple[str | None, str]] = []
    for spec in specs:
        name, sign, location = spec.partition("=")
        explicit = sign and name and location and not Path(spec).exists() and not set(name) & set("/\\")
        given.append((name, location) if explicit else (None, spec))
    for depth in range(1, 1 + max(len(Path(location).parts) for _, location in given)):
        named = [(name or _name(location, depth), location) for name, location in given]
        if len({name for name, _ in named}) == len(named):
            return named
    # The same file twice: told apart by number, and refused later unless that is meant.
    return [(f"{name}-{i}" if i > 1 else name, location) for i, (name, location) in enumerate(named, 1)]


def _name(location: str, depth: int) -> str:
    from trusteq.models.open import default_name

    return (
        "/".join((*Path(location).parts[:-1][-depth + 1 :], default_name(location)))
        if depth > 1
        else default_name(location)
    )


def _options(asked: dict[str, Any], name: str, names: Sequence[str], own: tuple[str, ...]) -> ModelOptions:
    from trusteq.models.open import ModelOptions

    scores = _for_model(asked["scores"], name, names, "--scores")
    if scores not in {None, "probabilities", "logits"}:
        raise click.BadParameter(f"{scores!r} is neither probabilities nor logits", param_hint="--scores")
    budget = {} if asked["token_budget"] is None else {"budget": asked["token_budget"]}
    return ModelOptions(
        labels=_listed(_for_model(asked["labels"], name, names, "--labels")) or None,
        scores=scores,  # type: ignore[arg-type]
        tokenizer=asked["tokenizer"],
        output=asked["output"],
        device=asked["device"],
        download=asked["download"],
        id=asked["id_column"],
        by_row=asked["by_row"],
        not_labels=own,
        **budget,
    )


def _for_model(given: Sequence[str], name: str, names: Sequence[str], option: str) -> str | None:
    """The value given for this model by NAME=value, else the one given for all."""
    chosen = None
    for entry in given:
        target, sign, value = entry.partition("=")
        if not sign:
            chosen = chosen or entry
        elif target not in names:
            raise click.BadParameter(f"no model is called {target!r}; there are {', '.join(names)}", param_hint=option)
        elif target == name:
            return value
    return chosen
