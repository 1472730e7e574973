"""``trusteq show``: a finished run in the terminal, or one of its items."""

from __future__ import annotations

import click

from trusteq.cli import screen
from trusteq.cli.no_repeats import Once
from trusteq.compare.measures import METHODS


@click.command(cls=Once)
@click.argument("run", type=click.Path(path_type=str))
@click.option("--item", help="Show one item by its id: both models' probabilities and words, side by side.")
@click.option("--candidate", help="Beside which candidate to show the item.  [default: each of them]")
@click.option("--method", type=click.Choice(METHODS[::-1]), help="Whose attributions to show.  [default: shapley]")
@click.option("--json", "as_json", is_flag=True, help="Print audit.json, or all that is known of the item, as JSON.")
def show(run: str, item: str | None, candidate: str | None, method: str | None, as_json: bool) -> int:
    """Show what an audit printed, from the finished RUN directory alone.

    \b
    trusteq show trusteq-run
    trusteq show trusteq-run --item 4711

    Exit code: 0, whatever the verdict; 2 error.
    """  # noqa: D301
    from trusteq.record.directory import evidence, load_run
    from trusteq.record.plain import plain
    from trusteq.report.item import METHOD, item_document, item_view
    from trusteq.report.item_terminal import render
    from trusteq.report.size_and_speed import size_and_speed
    from trusteq.report.terminal import render_evidence

    found = evidence(load_run(run))
    if item is None:
        for flag, given in (("--candidate", candidate), ("--method", method)):
            if given is not None:
                raise click.UsageError(f"{flag} {given} has no effect without --item; name one, or leave it out")
        if as_json:
            screen.print_json(plain(found.document))
        else:
            screen.show(render_evidence(found))
            if found.costs is not None:
                screen.show(size_and_speed(found.costs))
        return 0
    names = found.models[1:] if candidate is None else (candidate,)
    views = [item_view(found, item, name, method=method or METHOD) for name in names]
    if as_json:
        screen.print_json(item_document(views))
    else:
        for view in views:
            screen.show(render(view))
    return 0
