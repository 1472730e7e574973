"""``trusteq figure``: one figure of a finished run, as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.value_types import RUN

if TYPE_CHECKING:
    from trusteq.record.evidence import Evidence


@click.command(cls=NoRepeats)
@click.argument("run", type=RUN)
@click.argument("name", required=False)
@click.option("--candidate", default=None, help="Candidate to draw; needed if the run has several.")
@click.option("--out", type=click.Path(path_type=str), default=None, help="Output file: .pdf, .svg or .png.")
@click.option("--list", "listed", is_flag=True, help="List the figures that this run has.")
def figure(run: str, name: str | None, candidate: str | None, out: str | None, listed: bool) -> int:
    """Draw the figure NAME of the finished RUN directory; the same run gives the same bytes.

    For example: trusteq figure trusteq-run reliability --candidate int8 --out reliability.pdf
    """
    from trusteq.data.clean import clean
    from trusteq.errors import OptionError
    from trusteq.record.evidence import evidence
    from trusteq.record.run import load_run
    from trusteq.report.figures.catalog import figures, make
    from trusteq.report.figures.file import kind_of, save

    if listed:
        given = {"NAME": name, "--candidate": candidate, "--out": out}
        unused = [option for option, value in given.items() if value is not None]
        if unused:
            raise OptionError(f"--list only lists the run's figures; remove {' and '.join(unused)}")
        _list(evidence(load_run(run)))
        return 0
    if name is None:
        raise OptionError(f"name a figure: {', '.join(figures())}; --list shows which of them this run has")
    if out is None:
        raise OptionError(f"name the file to write, e.g. --out {name}.pdf")
    kind_of(out)
    drawing = make(evidence(load_run(run)), name, candidate)
    if drawing is None:
        raise OptionError(f"{run}: has no figure {name}, which needs {figures()[name].needs}")
    click.echo(clean(str(save(drawing, out))))
    return 0


def _list(evidence: Evidence) -> None:
    """Print which figures a run has, and what the others need."""
    from rich.table import Table
    from rich.text import Text

    from trusteq.cli.screen import show
    from trusteq.data.clean import clean
    from trusteq.report.figures.catalog import figures, make

    candidates = evidence.models[1:]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("figure", "of", "shows"):
        table.add_column(column, header_style="dim", overflow="fold")
    missing = []
    for figure in figures().values():
        subjects = candidates if figure.per_candidate else (None,)
        if any(make(evidence, figure.name, name) is not None for name in subjects):
            table.add_row(Text(figure.name), Text(figure.of), Text(figure.shows))
        else:
            missing.append(f"not in this run: {figure.name}, which needs {figure.needs}")
    lines = (f"candidates: {', '.join(candidates)}", *missing)
    show(table, Text(), *(Text(clean(line)) for line in lines))
