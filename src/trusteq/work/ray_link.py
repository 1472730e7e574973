"""The audit's end of the pipe to the process that talks to Ray (`ray_driver`)."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.errors import RunError
from trusteq.work.ray_driver import FAILED, GRACE, JOINED, LOST, ClusterRequest
from trusteq.work.ray_pool import ANSWERED, NOTICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.work.ray_pool import Actors

MODULE = "trusteq.work.ray_driver"

SILENCE = 120.0
"""Seconds without any message, not even that the cluster is alive, after which a process counts as lost."""


ENDED = "its head node, or the node that was joined, no longer answers"


class LostError(Exception):
    """The cluster is lost, or could not be reached; the message says why."""


class Link:
    """A process that has joined a cluster, or started one on this machine where there is no address; else `LostError`.

    place: where that is, for messages. notify: called with a line about anything the process waits for.
    """

    def __init__(self, address: str | None, actors: Actors, place: str, notify: Callable[[str], None]) -> None:
        self._place, self._notify = place, notify
        self._folder = None if address else tempfile.mkdtemp(prefix="trusteq-ray-", dir=_short_folder())
        self._wire, theirs = Pipe()
        # -P: a file in the working directory must not be imported in place of a module.
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(private=address is None),
            process_group=0,  # a terminal's Ctrl-C is for the audit; what Ray kills must not include the audit
        )
        theirs.close()
        try:
            self.send(ClusterRequest(address, self._folder, actors))
            self._receive(JOINED)
        except BaseException:
            self.end()
            raise

    def send(self, *message: Any) -> None:
        """Send a request."""
        with suppress(OSError):  # it has ended; the next `_receive` says why
            self._wire.send(message)

    def answer(self) -> tuple[int, tuple[str, Any]]:
        """The id of a request, and the answer to it: the next that arrives."""
        request, message = self._receive(ANSWERED)
        return request, message

    def _receive(self, expected: str) -> list[Any]:
        kind, content = "", list[Any]()
        while kind != expected:
            try:
                if not self._wire.poll(SILENCE):
                    raise LostError(f"it has sent nothing for {SILENCE:g} s")
                kind, *content = self._wire.recv()
            except (EOFError, OSError):
                raise LostError(ENDED) from None
            if kind == NOTICE:
                self._notify(f"{self._place}: {content[0]}")
            elif kind == FAILED:
                raise RunError(f"{self._place}: {content[0]}")
            elif kind == LOST:
                raise LostError(content[0])
        return content

    def end(self) -> None:
        """End the process, and the cluster if it started one; a cluster that it joined goes on without it."""
        self._wire.close()
        if self._folder is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE)
            self._process.kill()
        else:
            os.killpg(self._process.pid, signal.SIGKILL)
            shutil.rmtree(self._folder, ignore_errors=True)
        self._process.wait()


def _environment(*, private: bool) -> dict[str, str]:
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}  # no telemetry
    if "PYTHONPATH" in environment:  # relative paths break when the process changes directory
        paths = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path.cwd() / path) for path in paths if path)
    if private and not any(name.startswith("RAY_AUTH_") for name in environment):
        # Keep everybody else out. Without a token from here, Ray would leave one in the home directory.
        environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return environment


def _short_folder() -> str | None:
    """Where Ray's sockets go: their paths must be short."""
    return os.environ.get("RAY_TMPDIR") or ("/tmp" if sys.platform == "darwin" else None)  # noqa: S108
