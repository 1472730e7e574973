"""``trusteq study``: models trained, compressed and audited by a plan."""

from __future__ import annotations

from pathlib import Path

import click

from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.screen import show_progress
from trusteq.data.clean import clean
from trusteq.study.sources import shipped, text_of

EPILOG = "\b\nStudies that come with trusteq:\n" + "\n".join(f"  {name}" for name in shipped())


@click.command(cls=NoRepeats, epilog=EPILOG)
@click.argument("study", metavar="STUDY")
@click.option("--data", type=click.Path(path_type=Path), default=Path(), help="Folder with the study's items.")
@click.option("--out", type=click.Path(path_type=Path), help="Output folder.  [default: the study's name]")
@click.option("--seeds", help="Run only these training seeds: --seeds 0,1")
@click.option("--download", is_flag=True, help="Allow downloads from the Hugging Face hub; nothing else goes online.")
@click.option("--anyway", is_flag=True, help="Run without the GPU that the study needs.")
@click.option(
    "--as",
    "form",
    type=click.Choice(["markdown", "latex"]),
    default="markdown",
    show_default=True,
    help="How the tables are printed; the folder has both, as tables.md and tables.tex.",
)
@click.option("--show", "shown", is_flag=True, help="Print the study's YAML and exit.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def study(
    study: str,
    data: Path,
    out: Path | None,
    seeds: str | None,
    download: bool,
    anyway: bool,
    form: str,
    shown: bool,
    quiet: bool,
) -> int:
    """Repeat a STUDY, a name below or a YAML file: train, compress, audit all against all, print the tables.

    Each training seed gives models, an audit (an ordinary run directory) and the agreement of every pair of models. If
    interrupted, run the same command again to continue; processes with different --seeds may share one --out.

    \b
    trusteq study mini-nli --data texts --out mini-nli
    trusteq study mini-nli --show > mine.yaml
    """  # noqa: D301
    if shown:
        click.echo(text_of(study)[0], nl=False)
        return 0
    from trusteq.study.plan import read_study
    from trusteq.study.run import run_study

    plan = read_study(study)

    with show_progress(quiet=quiet) as progress:
        try:
            result = run_study(
                plan,
                data=data,
                out=out or Path(plan.name),
                seeds=None if seeds is None else _numbers(seeds),
                download=download,
                anyway=anyway,
                tell=progress,
                say=(lambda line: None) if quiet else (lambda line: click.echo(f"trusteq: {clean(line)}", err=True)),
            )
        except KeyboardInterrupt:
            raise click.Abort("interrupted; run the same command again to continue") from None
    click.echo(result.latex if form == "latex" else result.tables, nl=False)
    return 0


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(f"--seeds {text!r}: give whole numbers, e.g. --seeds 0,1") from None
