"""Where an audit's work is done and its finished work kept: the options, and the executor that they ask for."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trusteq.data.clean import clean
from trusteq.data.atomic_file import refuse_link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trusteq.work.shard import Executor

WORK = ("workers", "work", "no_resume", "ray", "ray_address", "gpus", "deadline")
"""The options' names as keywords."""


def work_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with the options that say where work is done."""
    for option in (
        click.option(
            "--deadline",
            type=float,
            help="Seconds that a shard may take in a worker, its model open, before the model counts as stuck.",
        ),
        click.option("--gpus", type=float, default=0.0, help="GPUs that each actor of Ray needs, e.g. 0.5."),
        click.option("--ray-address", help="Let actors of the Ray cluster at this address do the work, e.g. auto."),
        click.option("--ray", is_flag=True, help="Let --workers actors of Ray on this machine do the work."),
        click.option(
            "--no-resume",
            is_flag=True,
            help="Ask for everything anew, whatever finished work there is.",
        ),
        click.option(
            "--work",
            help="Folder (or address, s3://...) for finished shards of work, kept for other audits of these models "
            "and items.  [default: OUT.work until the audit is done]",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1, 1024),
            default=1,
            show_default=True,
            help="Processes that share the work.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def asked_executor(asked: dict[str, Any], out: str | Path) -> Iterator[Executor]:
    """What was asked for; its finished work goes when the audit is done, unless its folder was asked for."""
    from trusteq.errors import TrusteqError
    from trusteq.work.executor import executor
    from trusteq.work.folder import folder_at

    keep = _kept_in(asked["work"], out)
    made = executor(
        workers=asked["workers"],
        keep=keep,
        resume=not asked["no_resume"],
        deadline=asked["deadline"],
        ray=asked["ray"] if asked["ray_address"] is None else asked["ray_address"],
        gpus=asked["gpus"],
        say=_say,
    )
    here = Path(keep).is_dir
    try:
        with made as asking:
            yield asking
    except KeyboardInterrupt:
        said = f"interrupted; finished work is kept in {clean(keep)}, and the same command goes on" if here() else ""
        raise click.Abort(said) from None
    except TrusteqError:
        if here() and not asked["quiet"]:
            _say(f"finished work is kept in {keep}")
        raise
    if not asked["work"]:
        folder_at(keep).remove()


def _kept_in(asked: str | None, out: str | Path) -> str:
    if asked is None:
        if not isinstance(out, str):
            refuse_link(Path(f"{out}.work"))
        return f"{out}.work"
    if "://" in asked:
        return asked
    chosen = Path(asked).expanduser()
    if isinstance(out, str):
        return str(chosen)
    run = out.resolve()
    if run == chosen.resolve() or run in chosen.resolve().parents:
        raise click.UsageError(
            f"--work {asked} is in the run directory {out}, which must be free; choose another folder"
        )
    return str(chosen)


def _say(line: str) -> None:
    click.echo(f"trusteq: {clean(line)}", err=True)
