"""``trusteq show``: a finished run in the terminal, or one of its items."""

from __future__ import annotations

from pathlib import Path

import click

from trusteq.cli import screen
from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.value_types import RUN
from trusteq.comparing.measures import METHODS


@click.command(cls=NoRepeats)
@click.argument("run", type=RUN)
@click.option(
    "--item", help="Show one item by its id: both models' probabilities and the weights of its parts, side by side."
)
@click.option(
    "--candidate", help="Candidate to show, or whose changes.  [default: with --item, all, one after another]"
)
@click.option("--method", type=click.Choice(METHODS[::-1]), help="Method of the attributions.  [default: shapley]")
@click.option("--changed", is_flag=True, help="Print the ids of the items whose answer changed, one a line.")
@click.option(
    "--condition",
    type=int,
    help="Print the ids of the items that meet what changed items have in common, by its number.",
)
@click.option("--json", "as_json", is_flag=True, help="Print audit.json, or everything about the item, as JSON.")
def show(
    run: str,
    item: str | None,
    candidate: str | None,
    method: str | None,
    changed: bool,
    condition: int | None,
    as_json: bool,
) -> int:
    """Show what an audit printed, from the finished RUN directory alone.

    RUN may also be the log of llama.cpp's llama-perplexity --kl-divergence: its values are shown, without a verdict.

    \b
    trusteq show trusteq-run
    trusteq show trusteq-run --item 4711
    trusteq show trusteq-run --changed > ids.txt
    trusteq show q4.log

    --changed and --condition 1 (the first in the report's table) write what trusteq audit --explain-ids reads.

    Exit codes: 0 for any verdict, 2 error.
    """  # noqa: D301
    from trusteq.data import llama_cpp_log
    from trusteq.record.evidence import evidence
    from trusteq.record.plain import plain
    from trusteq.record.run import load_run
    from trusteq.report import printed_log
    from trusteq.report.ids import as_lines, changed_ids, matching_ids
    from trusteq.report.item import METHOD, item_document, item_view
    from trusteq.report.item_terminal import render
    from trusteq.report.size_and_speed import size_and_speed
    from trusteq.report.terminal import render_evidence

    log = Path(run)
    if llama_cpp_log.recognises(log):
        if item or candidate or method or changed or condition is not None:
            raise click.UsageError(f"{run} is a log of llama.cpp, of which there is nothing else to show; name only it")
        values = llama_cpp_log.read(log)
        if as_json:
            screen.print_json(printed_log.document(values))
        else:
            screen.show(printed_log.render(values, run))
        return 0
    content = evidence(load_run(run))
    if changed or condition is not None:
        if (changed and condition is not None) or item is not None or method is not None:
            raise click.UsageError("--changed and --condition each go alone, with no more than --candidate and --json")
        ids = changed_ids(content, candidate) if condition is None else matching_ids(content, candidate, condition)
        if as_json:
            screen.print_json(ids)
        else:
            click.echo(as_lines(ids), nl=False)
        return 0
    if item is None:
        for flag, value in (("--candidate", candidate), ("--method", method)):
            if value is not None:
                raise click.UsageError(f"{flag} {value} has no effect without --item; add --item, or remove it")
        if as_json:
            screen.print_json(plain(content.document))
        else:
            screen.show(render_evidence(content))
            if content.costs is not None:
                screen.show(size_and_speed(content.costs, content.document.models))
        return 0
    names = content.models[1:] if candidate is None else (candidate,)
    views = [item_view(content, item, name, method=method or METHOD) for name in names]
    if as_json:
        screen.print_json(item_document(views))
    else:
        for view in views:
            screen.show(render(view))
    return 0
