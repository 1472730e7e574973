"""The process that speaks to Ray: ``python -m trusteq.work.ray_driver FD``, started by `ray_cluster`.

Ray ends a process whose cluster is lost, without a word and with exit code 1, which would read as NOT EQUIVALENT. So
the process of the audit never joins one itself.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from trusteq.models.library_output import one_line
from trusteq.work.ray_pool import Actors, Pool, Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    Events = SimpleQueue[Callable[[Pool], None]]

JOINED, FAILED, LOST = "joined", "failed", "lost"
"""What is told beside what a `Pool` tells: the cluster is there; why there is no going on; why it is not there."""

GRACE = 5.0
"""Seconds that Ray may take to end."""


@dataclass(frozen=True)
class Wanted:
    """The cluster at an address, or one on this machine with its files in a folder of its own; and which actors."""

    address: str | None
    folder: str | None
    actors: Actors


def join(wanted: Wanted) -> Any:
    """Ray, with the cluster joined or started; an error where that cannot be."""
    # Ray lets actors import from the working directory, where any file could stand in for a library.
    os.chdir(os.sep)
    import ray

    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if wanted.address:
        said = os.environ.get("RAY_ADDRESS") if wanted.address == "auto" else None
        refuse_silence(said or wanted.address)
        ray.init(address=wanted.address, **quiet)
        return ray
    cores = max(wanted.actors.count, os.cpu_count() or 1)
    ray.init(address="local", include_dashboard=False, num_cpus=cores, _temp_dir=wanted.folder, **quiet)
    held: float = ray.cluster_resources().get("GPU", 0)  # type: ignore[no-untyped-call]
    if wanted.actors.gpus > held:
        raise Stop(f"each actor needs {wanted.actors.needs}, and {held:g} GPUs are there")
    return ray


def refuse_silence(address: str) -> None:
    """An error at once where nobody listens; Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def main() -> None:
    """Do what comes over the wire until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who started it decides when it ends
    wire: Connection[Any, Any] = Connection(int(sys.argv[1]))
    wanted: Wanted
    (wanted,) = wire.recv()
    events: Events = SimpleQueue()
    threading.Thread(target=_listen, args=(wire, events, wanted.folder), daemon=True).start()

    def tell(*message: Any) -> None:
        with suppress(OSError):  # nobody listens any more: that is heard
            wire.send(message)

    try:
        ray = join(wanted)
        tell(JOINED)
        Pool(ray, wanted.actors, events, tell).run()
    except Stop as end:
        tell(FAILED, str(end))
    except Exception as error:  # whatever Ray raises: this process can tell nobody else
        tell(LOST, one_line(error))
    with suppress(Exception):
        import ray

        ray.shutdown()
    _end(wanted.folder)


def _listen(wire: Connection[Any, Any], events: Events, folder: str | None) -> None:
    """Enter what comes; end this process, whatever it waits for, a while after the other end is closed."""
    try:
        while True:
            number, opening, shard = wire.recv()
            events.put(partial(Pool.add, number=number, opening=opening, shard=shard))
    except (EOFError, OSError):
        events.put(partial(_stop, why="the audit has ended"))
    except Exception as error:  # unpickling raises anything
        events.put(partial(_stop, why=f"what it was asked cannot be read: {one_line(error)}"))
    time.sleep(GRACE)
    _end(folder)


def _stop(_: Pool, why: str) -> None:
    raise Stop(why)


def _end(folder: str | None) -> None:
    """End this process, and what Ray has started from it and may have left."""
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
