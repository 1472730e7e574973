"""``trusteq view``: finished runs in the browser."""

from __future__ import annotations

import webbrowser
from contextlib import suppress
from pathlib import Path
from threading import Thread

import click

from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.value_types import PLACE
from trusteq.data.clean import clean


@click.command(cls=NoRepeats)
@click.argument("folder", default=".", type=PLACE)
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Port; by default a free one.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def view(folder: str, port: int | None, no_browser: bool) -> int:
    """Look at the finished runs in FOLDER and below it in the browser, until Ctrl-C.

    \b
    trusteq view
    trusteq view audits --no-browser

    A list of runs, the newest first; the report of each; two runs compared; the history of several. Nothing can be
    changed, nothing is written, and only this machine can reach it, by an address that nobody can guess.

    Exit codes: 0 stopped; 2 error.
    """  # noqa: D301
    from trusteq.errors import RunError
    from trusteq.view.server import Server
    from trusteq.view.shelf import Shelf
    from trusteq.view.site import Site

    path = Path(folder)
    if not path.is_dir():
        raise RunError(f"{folder}: not a folder; name one with runs in it")
    site = Site(Shelf(path))
    found = len(site.shelf.look())
    with Server(site, port or 0) as server, suppress(KeyboardInterrupt):
        click.echo(
            f"trusteq: {found:,} {'run' if found == 1 else 'runs'} in {clean(folder)}; stop with Ctrl-C", err=True
        )
        click.echo(server.address)
        if not no_browser:
            # In a thread of its own, as a browser for terminals comes back only when it is left.
            Thread(target=webbrowser.open, args=(server.once,), daemon=True).start()
        server.serve_forever()
    return 0
