"""Options for where an audit's work runs and where finished work is stored, and the executor they choose."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.value_types import PLACE
from trusteq.data.atomic_file import refuse_link
from trusteq.data.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trusteq.work.shard import Executor

WORK = ("workers", "work", "no_resume", "ray", "ray_address", "gpus", "deadline")
"""The options' names as keywords."""


def work_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with the options for where work runs."""
    for option in (
        click.option(
            "--deadline",
            type=float,
            help="Seconds that a worker may take for a shard, once its model is open, before it counts as stuck.",
        ),
        click.option("--gpus", type=float, default=0.0, help="GPUs per Ray actor, e.g. 0.5."),
        click.option("--ray-address", help="Run the work on the Ray cluster at this address, e.g. auto."),
        click.option("--ray", is_flag=True, help="Run the work with --workers Ray actors on this machine."),
        click.option("--no-resume", is_flag=True, help="Compute everything again, ignoring finished work."),
        click.option(
            "--work",
            type=PLACE,
            help="Folder (or address, s3://...) for finished shards of work, kept for other audits of these models "
            "and items.  [default: OUT.work until the audit is done]",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1, 1024),
            default=1,
            show_default=True,
            help="Number of worker processes.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def chosen_executor(options: dict[str, Any], out: str | Path) -> Iterator[Executor]:
    """The chosen executor; finished work is deleted when the audit is done, unless --work names its folder."""
    from trusteq.errors import TrusteqError
    from trusteq.work.executor import executor
    from trusteq.work.folder import OWN_FILES, folder_at

    folder = work_folder(options["work"], out)
    chosen = executor(
        workers=options["workers"],
        keep=folder,
        resume=not options["no_resume"],
        deadline=options["deadline"],
        ray=options["ray"] if options["ray_address"] is None else options["ray_address"],
        gpus=options["gpus"],
        say=_notify,
    )

    def is_kept() -> bool:
        return "://" not in folder and any(OWN_FILES.fullmatch(file) for file in folder_at(folder).names())

    try:
        with chosen as running:
            yield running
    except KeyboardInterrupt:
        message = f"interrupted; finished work is in {clean(folder)}; run the same command again to continue"
        raise click.Abort(message if is_kept() else "") from None
    except TrusteqError:
        if is_kept() and not options["quiet"]:
            _notify(f"finished work is in {folder}")
        raise
    if not options["work"]:
        folder_at(folder).remove()


def work_folder(work: str | None, out: str | Path) -> str:
    """The folder or address of finished work; OUT.work without --work."""
    if work is None:
        if not isinstance(out, str):
            refuse_link(Path(f"{out}.work"))
        return f"{out}.work"
    if "://" in work:
        return work
    folder = Path(work).expanduser()
    if isinstance(out, str):
        return str(folder)
    run = out.resolve()
    if run == folder.resolve() or run in folder.resolve().parents:
        raise click.UsageError(
            f"--work {work} is inside the run directory {out}, which must not exist yet; choose another folder"
        )
    return str(folder)


def _notify(line: str) -> None:
    click.echo(f"trusteq: {clean(line)}", err=True)
