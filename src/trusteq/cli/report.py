"""``trusteq report``: a finished run as a page, or for machines."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from trusteq.cli.lists import comma_separated
from trusteq.cli.no_repeats import NoRepeats
from trusteq.data.atomic_file import write_atomically
from trusteq.data.clean import clean
from trusteq.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.record.evidence import Evidence

FORMATS = {
    "html": "trusteq.report.page.page:page",
    "markdown": "trusteq.report.markdown:markdown",
    "model-card": "trusteq.report.model_card:model_card",
    "junit": "trusteq.report.junit:junit",
    "latex": "trusteq.report.latex:latex",
    "in-toto": "trusteq.report.in_toto:in_toto",
    "badge": "trusteq.report.badge:badge",
}
"""The function ``(Evidence) -> str`` that makes each format; imported when needed."""


@click.command(cls=NoRepeats)
@click.argument("run", type=click.Path(path_type=str))
@click.option(
    "--as",
    "form",
    type=click.Choice(list(FORMATS)),
    default="html",
    show_default=True,
    help="A page; Markdown for a pull request or a model card; JUnit XML; LaTeX tables; an in-toto statement to sign; "
    "a badge (JSON for shields.io/endpoint).",
)
@click.option(
    "--to",
    "tracker",
    type=click.Choice(["mlflow", "wandb", "tensorboard"]),
    help="Log it to an experiment tracker instead, one run a candidate: verdicts, judged estimates with their "
    "intervals, the page and audit.json. Where to, the tracker's own environment variables say.",
)
@click.option(
    "--out",
    help="Output file; - for stdout; with --to tensorboard, a folder.  [default: for html, report.html in RUN, or in "
    "the current folder if RUN is an address; for tensorboard, runs; else stdout]",
)
@click.option("--candidate", "only", multiple=True, help="Report only this candidate; may be repeated.")
@click.option(
    "--policy",
    "policy_name",
    help="Preset (default, generative, paper) or YAML file to judge by.  [default: the run's own]",
)
@click.option("--dimensions", default=None, help="Dimensions that EQUIVALENT requires, e.g. behaviour,calibration.")
@click.option("--no-pictures", is_flag=True, help="Leave pictures and sounds out of the page.")
def report(
    run: str,
    form: str,
    tracker: str | None,
    out: str | None,
    only: tuple[str, ...],
    policy_name: str | None,
    dimensions: str | None,
    no_pictures: bool,
) -> int:
    """Write the report of the finished RUN directory; no model is loaded.

    \b
    trusteq report trusteq-run
    trusteq report trusteq-run --as junit --out trust.xml
    trusteq report trusteq-run --candidate int8 --dimensions behaviour
    trusteq report trusteq-run --policy strict.yaml
    trusteq report trusteq-run --to mlflow

    With --policy or --dimensions, verdicts are those of trusteq gate with the same options.

    Exit codes: 0 written, for any verdict; 2 error.
    """  # noqa: D301
    from trusteq.policy import read_policy
    from trusteq.record.address import is_address
    from trusteq.record.evidence import evidence
    from trusteq.record.run import load_run
    from trusteq.report.narrowed import narrowed
    from trusteq.report.page.page import page
    from trusteq.report.trackers.log import log

    if form == "in-toto" and (dimensions is not None or policy_name is not None):
        given = "--policy" if dimensions is None else "--dimensions"
        raise click.UsageError(f"{given} has no effect on an in-toto statement, which is about the run's own policy")
    if tracker is not None and click.get_current_context().get_parameter_source("form") is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"--as and --to exclude each other: {tracker} is given the page and audit.json")
    if tracker in {"mlflow", "wandb"} and out is not None:
        raise click.UsageError(f"--out has no effect with --to {tracker}, whose settings say where it logs; remove it")
    if no_pictures and form != "html":
        raise click.UsageError(f"--no-pictures has no effect on {form}, which never shows any; remove it")
    found = load_run(run)
    policy = None if policy_name is None else read_policy(policy_name, found.document.own_measures)
    required = None if dimensions is None else comma_separated(dimensions)
    content = narrowed(evidence(found), only, required, policy)
    if tracker is not None:
        for place in log(content, tracker, None if out is None else Path(out), images=not no_pictures):
            click.echo(f"{tracker}: {clean(place)}", err=True)
        return 0
    text = page(content, images=False) if no_pictures else maker(form)(content)
    if out is None:
        folder = Path() if is_address(run) else Path(run)
        out = str(folder / "report.html") if form == "html" else "-"
    if out == "-":
        click.echo(text, nl=not text.endswith("\n"))
        return 0
    target = Path(out)
    inside = not is_address(run) and target.resolve().is_relative_to(Path(run).resolve())
    run_files = {(Path(run) / file).resolve() for file in content.manifest["files"]}
    if inside and (target.suffix in {".json", ".parquet"} or target.resolve() in run_files):
        raise RunError(f"{out}: names like this are reserved for the run's own files; choose another --out")
    write_atomically(target, text)
    click.echo(f"{form}: {clean(out)}", err=True)
    return 0


def maker(form: str) -> Callable[[Evidence], str]:
    """The function that makes a format."""
    module, _, name = FORMATS[form].partition(":")
    function: Callable[[Evidence], str] = getattr(importlib.import_module(module), name)
    return function
