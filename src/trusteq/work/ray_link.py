"""The audit's end of the wire to the process that speaks to Ray (`ray_driver`)."""

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
from trusteq.work.ray_driver import FAILED, GRACE, JOINED, LOST, Wanted
from trusteq.work.ray_pool import ANSWERED, SAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.work.ray_pool import Actors

MODULE = "trusteq.work.ray_driver"

SILENCE = 120.0
"""Seconds after which a process that tells nothing, not even that its cluster is there, counts as lost."""


ENDED = "its head, or the node that was joined, does not answer any more"


class LostError(Exception):
    """The cluster is lost, or was not there; the message says why."""


class Link:
    """A process that has joined a cluster, or started one on this machine where there is no address; else `LostError`.

    place: where that is, for messages; ``say`` is told what the process waits for.
    """

    def __init__(self, address: str | None, actors: Actors, place: str, say: Callable[[str], None]) -> None:
        self._place, self._say = place, say
        self._folder = None if address else tempfile.mkdtemp(prefix="trusteq-ray-", dir=_short())
        self._wire, theirs = Pipe()
        # -P: a file in the working directory must not stand in for a module.
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(private=address is None),
            process_group=0,  # a terminal's Ctrl-C is for the audit, and what Ray ends for this process alone
        )
        theirs.close()
        try:
            self.tell(Wanted(address, self._folder, actors))
            self._heard(JOINED)
        except BaseException:
            self.end()
            raise

    def tell(self, *message: Any) -> None:
        """Ask something."""
        with suppress(OSError):  # it has ended; why is heard next
            self._wire.send(message)

    def answer(self) -> tuple[int, tuple[str, Any]]:
        """The next answer, and to what."""
        number, said = self._heard(ANSWERED)
        return number, said

    def _heard(self, wanted: str) -> list[Any]:
        kind, content = "", list[Any]()
        while kind != wanted:
            try:
                if not self._wire.poll(SILENCE):
                    raise LostError(f"nothing was heard of it for {SILENCE:g} s")
                kind, *content = self._wire.recv()
            except (EOFError, OSError):
                raise LostError(ENDED) from None
            if kind == SAY:
                self._say(f"{self._place}: {content[0]}")
            elif kind == FAILED:
                raise RunError(f"{self._place}: {content[0]}")
            elif kind == LOST:
                raise LostError(content[0])
        return content

    def end(self) -> None:
        """End the process, and the cluster that it started; of another one it takes leave."""
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
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}  # it would tell its makers
    if "PYTHONPATH" in environment:  # the process goes to another folder
        paths = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path.cwd() / path) for path in paths if path)
    if private and not any(name.startswith("RAY_AUTH_") for name in environment):
        # Nobody else is let in; without a token of its own, Ray would leave one in the home directory.
        environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return environment


def _short() -> str | None:
    """Where Ray's sockets are: a path of theirs has to be short."""
    return os.environ.get("RAY_TMPDIR") or ("/tmp" if sys.platform == "darwin" else None)  # noqa: S108
