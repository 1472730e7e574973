"""The process that talks to Ray: ``python -m trusteq.work.ray_driver FD``, started by `ray_link`.

Ray ends a process whose cluster is lost, silently and with exit code 1, which would read as NOT EQUIVALENT. So the
audit's process never joins a cluster itself.
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
"""Messages besides those of a `Pool`: the cluster is joined; why the work cannot go on; why the cluster is lost."""

GRACE = 5.0
"""Seconds that Ray may take to shut down."""


@dataclass(frozen=True)
class ClusterRequest:
    """The address of a cluster, or a folder for the files of one on this machine; and which actors to start."""

    address: str | None
    folder: str | None
    actors: Actors


def join(request: ClusterRequest) -> Any:
    """The `ray` module, with the cluster joined or started."""
    # Ray lets actors import from the working directory, where any file could take the place of a library.
    os.chdir(os.sep)
    import ray

    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if request.address:
        default = os.environ.get("RAY_ADDRESS") if request.address == "auto" else None
        refuse_unreachable(default or request.address)
        ray.init(address=request.address, **quiet)
        return ray
    cores = max(request.actors.count, os.cpu_count() or 1)
    ray.init(address="local", include_dashboard=False, num_cpus=cores, _temp_dir=request.folder, **quiet)
    available: float = ray.cluster_resources().get("GPU", 0)  # type: ignore[no-untyped-call]
    if request.actors.gpus > available:
        raise Stop(f"each actor needs {request.actors.needs}, but this machine has {available:g} GPUs")
    return ray


def refuse_unreachable(address: str) -> None:
    """An immediate error where nothing listens; Ray itself would retry for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def main() -> None:
    """Answer the requests that arrive over the pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process decides when this one ends
    wire: Connection[Any, Any] = Connection(int(sys.argv[1]))
    request: ClusterRequest
    (request,) = wire.recv()
    events: Events = SimpleQueue()
    threading.Thread(target=_listen, args=(wire, events, request.folder), daemon=True).start()

    def send(*message: Any) -> None:
        with suppress(OSError):  # the other end is closed: `_listen` notices
            wire.send(message)

    try:
        ray = join(request)
        send(JOINED)
        Pool(ray, request.actors, events, send).run()
    except Stop as end:
        send(FAILED, str(end))
    except Exception as error:  # whatever Ray raises: there is nobody else to tell
        send(LOST, one_line(error))
    with suppress(Exception):
        import ray

        ray.shutdown()
    _end(request.folder)


def _listen(wire: Connection[Any, Any], events: Events, folder: str | None) -> None:
    """Queue what arrives; some time after the other end is closed, end this process, whatever it waits for."""
    try:
        while True:
            number, opening, shard = wire.recv()
            events.put(partial(Pool.add, number=number, opening=opening, shard=shard))
    except (EOFError, OSError):
        events.put(partial(_stop, why="the audit has ended"))
    except Exception as error:  # unpickling can raise anything
        events.put(partial(_stop, why=f"a request cannot be read: {one_line(error)}"))
    time.sleep(GRACE)
    _end(folder)


def _stop(_: Pool, why: str) -> None:
    raise Stop(why)


def _end(folder: str | None) -> None:
    """End this process, and any that Ray has started from it and left running."""
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
