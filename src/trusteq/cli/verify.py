"""``trusteq verify``: a finished run computed once more, without any model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.no_repeats import Once
from trusteq.cli.screen import print_json, progress, show

if TYPE_CHECKING:
    from trusteq.auditing.verified import Verified

SHOWN = 20
"""Differences that are listed; JSON has them all."""


@click.command(cls=Once)
@click.argument("run", type=click.Path(path_type=str))
@click.option("--json", "as_json", is_flag=True, help="Print what was compared and every difference as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def verify(run: str, as_json: bool, quiet: bool) -> int:
    """Compute the finished RUN directory once more from the models' answers in it, and tell what differs.

    Every file is checked by its hash, every verdict, estimate, slice and attribution by computing it. Whether the
    models really gave these answers only asking them again would show: the hashes of their files are in
    manifest.json, and so is all that the same audit needs.

    \b
    trusteq verify trusteq-run

    Exit codes: 0 all is as computed, 1 something differs, 2 error.
    """  # noqa: D301
    from trusteq.auditing.verified import verified
    from trusteq.record.directory import load_run
    from trusteq.record.plain import plain

    with progress(quiet=quiet or as_json) as tell:
        found = verified(load_run(run), tell)
    if as_json:
        print_json({**plain(asdict(found)), "passed": found.passed})
    else:
        show(*_told(found, run))
    return 0 if found.passed else 1


def _told(found: Verified, run: str) -> list[Any]:
    from rich.text import Text

    from trusteq.data.clean import clean

    asked = f" and their answers to {found.perturbations:,} perturbations" if found.perturbations else ""
    lines = [
        f"{run}: {found.estimates:,} estimates, {found.values:,} values in all, computed again from the predictions of "
        f"{found.models} models{asked}"
    ]
    if found.passed:
        lines.append("all are as the run says" + (", to the bit" if not found.rounded else ""))
    else:
        count = len(found.differences)
        lines.append(f"{'1 value is' if count == 1 else f'{count:,} values are'} not as the run says:")
        lines += [f"  {one.where}: {one.told!r}, computed {one.found!r}" for one in found.differences[:SHOWN]]
        if len(found.differences) > SHOWN:
            lines.append(f"  and {len(found.differences) - SHOWN:,} more (--json lists all)")
    if found.rounded:
        lines.append(
            f"{found.rounded:,} differ by rounding, at most by {found.largest:.1g} of their size: another processor or "
            "other versions of libraries do that"
        )
    lines.append("not compared: " + "; ".join(found.unchecked))
    return [Text(clean(line), overflow="fold") for line in lines]
