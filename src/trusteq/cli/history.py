"""``trusteq history``: a candidate through its finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.screen import print_json, show
from trusteq.cli.value_types import PLACE, POLICY, RUN
from trusteq.data.atomic_file import write_atomically
from trusteq.data.clean import clean
from trusteq.errors import RunError

if TYPE_CHECKING:
    from trusteq.releases.history import History


@click.command(cls=NoRepeats)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=RUN)
@click.option("--candidate", "only", multiple=True, help="Show only this candidate; may be repeated.")
@click.option(
    "--policy", type=POLICY, default=None, help="Judge all by this preset or YAML file; default: each by its own."
)
@click.option("--as", "form", type=click.Choice(["html", "markdown", "json"]), help="Default: a summary to read here.")
@click.option("--out", type=PLACE, default=None, help="Write to this file; without --as, the page.  [default: stdout]")
def history(runs: tuple[str, ...], only: tuple[str, ...], policy: str | None, form: str | None, out: str | None) -> int:
    """Show how candidates went from run to run: verdicts, every judged measure, and what changed with them.

    Each RUN is a run or a folder of runs. Runs are taken in the order given, the oldest first; those in a folder in the
    order of their names, 1.9 before 1.10. Candidates are matched by name; if each run has only one, these are taken as
    one.

    \b
    trusteq history audits
    trusteq history audits --out history.html
    trusteq history audits/1.0 audits/1.1 --policy policy.yaml --as markdown

    Nothing is measured again. Runs in a folder that cannot be read are left out, with a warning.

    Exit codes: 0 for any verdict; 2 error.
    """  # noqa: D301
    from trusteq.releases.history import history as history_of
    from trusteq.releases.release import read_releases

    releases, left_out = read_releases(runs, policy)
    for line in left_out:
        click.echo(f"trusteq: left out: {clean(line)}", err=True)
    found = history_of(releases, only, one_policy=policy is not None, left_out=left_out)
    target = None if out in (None, "-") else out
    if target is not None:
        _refuse_inside(Path(target), found)
    if target is None or form is None:
        _print(found, form if target is None else None, page=out == "-")
    if target is not None:
        text = _text(found, form or "html", Path(target).parent)
        write_atomically(Path(target), text)
        click.echo(f"{form or 'html'}: {clean(target)}", err=True)
    return 0


def _print(found: History, form: str | None, *, page: bool) -> None:
    if form is None and not page:
        from trusteq.releases.terminal import render

        show(render(found))
    elif form == "json":
        from trusteq.releases.document import history_document

        print_json(history_document(found))
    else:
        click.echo(_text(found, form or "html", Path()), nl=False)


def _text(found: History, form: str, folder: Path) -> str:
    """The history in a form; links lead from this folder."""
    if form == "json":
        import json

        from trusteq.releases.document import history_document

        return json.dumps(history_document(found), indent=1, allow_nan=False) + "\n"
    if form == "markdown":
        from trusteq.releases.markdown import markdown

        return markdown(found)
    from trusteq.releases.page import page, reports_from

    return page(found, reports_from(found, folder))


def _refuse_inside(target: Path, found: History) -> None:
    """Stop if the file would be among those of a run."""
    for release in found.releases:
        if target.resolve().is_relative_to(release.run.directory.resolve()):
            raise RunError(f"{target}: lies inside the run {release.run.directory}; choose another --out")
