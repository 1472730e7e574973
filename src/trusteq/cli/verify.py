"""``trusteq verify``: a finished run recomputed, without any model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.screen import print_json, show, show_progress
from trusteq.cli.value_types import RUN

if TYPE_CHECKING:
    from rich.console import RenderableType

    from trusteq.auditing.verify import Verified

SHOWN = 20
"""Differences that are listed; --json lists all."""


@click.command(cls=NoRepeats)
@click.argument("run", type=RUN)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison and all differences as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def verify(run: str, as_json: bool, quiet: bool) -> int:
    """Recompute the finished RUN directory from the answers stored in it, and report differences.

    Every file is checked by its hash; every verdict, estimate, slice and attribution is recomputed. Only running the
    models again would show whether they really gave these answers: manifest.json has the hashes of their files and
    everything needed to repeat the audit.

    \b
    trusteq verify trusteq-run

    Exit codes: 0 everything matches, 1 something differs, 2 error.
    """  # noqa: D301
    from trusteq.auditing.verify import verify_run
    from trusteq.record.plain import plain
    from trusteq.record.run import load_run

    with show_progress(quiet=quiet or as_json) as progress:
        result = verify_run(load_run(run), progress)
    if as_json:
        print_json({**plain(asdict(result)), "passed": result.passed})
    else:
        show(*_lines(result, run))
    return 0 if result.passed else 1


def _lines(result: Verified, run: str) -> list[RenderableType]:
    from rich.text import Text

    from trusteq.data.clean import clean

    perturbed = f" and their answers to {result.perturbations:,} perturbations" if result.perturbations else ""
    lines = [
        f"{run}: {result.estimates:,} estimates, {result.values:,} values in all, recomputed from the predictions of "
        f"{result.models} models{perturbed}"
    ]
    if result.passed:
        lines.append("all match the run" + (", to the bit" if not result.rounded else ""))
    else:
        count = len(result.differences)
        lines.append(f"{'1 value does' if count == 1 else f'{count:,} values do'} not match the run:")
        lines += [f"  {d.where}: run has {d.told!r}, recomputed {d.found!r}" for d in result.differences[:SHOWN]]
        if len(result.differences) > SHOWN:
            lines.append(f"  and {len(result.differences) - SHOWN:,} more (--json lists all)")
    if result.rounded:
        lines.append(
            f"{result.rounded:,} differ only by rounding, by at most {result.largest:.1g} of their size, as on another "
            "processor or with other versions of libraries"
        )
    lines.append("not compared: " + "; ".join(result.unchecked))
    return [Text(clean(line), overflow="fold") for line in lines]
