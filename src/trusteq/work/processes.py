"""Shards answered by processes of this machine, each with its share of the cores.

A process opens a model once and answers shard after shard. One that dies is replaced, and its shard tried again, a few
times. One whose model takes longer than ``deadline`` for a shard, or longer than `OPENING` to open, is killed. The
processes end when this one ends, however that happens.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError, OptionError
from trusteq.models.traits import traits_of
from trusteq.work.shard import HERE, requested_threads
from trusteq.work.worker import OPENED, unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection

    from trusteq.models.base import Model
    from trusteq.models.opening import Opening
    from trusteq.work.shard import Advance, Answered, Shard

ATTEMPTS = 3
"""How often a shard is tried when its process dies."""

OPENING = 600.0
"""Seconds that a process may take to start and open its model when there is a deadline; the deadline if longer."""

MODULE = "trusteq.work.worker"


@dataclass
class _Worker:
    """A process and its pipe; the number of its current shard; whether its model is open yet, and since when."""

    process: subprocess.Popen[bytes]
    wire: Connection[Any, Any]
    shard: int | None = None
    opened: bool = False
    since: float = 0.0

    def end(self) -> None:
        self.wire.close()
        self.process.kill()
        self.process.wait()


@dataclass
class Processes:
    """A pool of ``count`` processes. deadline: seconds that an open model may take for a shard; None for no limit.

    Close it when done, or use it as a context manager.
    """

    count: int
    deadline: float | None = None
    _workers: list[_Worker] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.count < 1:
            raise OptionError(f"{self.count} workers: give a number of 1 or more")
        if self.deadline is not None and not 0 < self.deadline < float("inf"):
            raise OptionError(f"a deadline of {self.deadline:g} s: give a number above 0")

    @property
    def threads(self) -> int:
        """Each process's share of the cores, unless the user set a number."""
        return requested_threads() or max(1, (os.cpu_count() or 1) // self.count)

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the processes, busy or not."""
        while self._workers:
            self._workers.pop().end()

    def answers(self, model: Model, shards: Sequence[Shard], advance: Advance) -> Iterator[tuple[int, Answered]]:
        """Each shard's number and answer, as they are done; a model that is not from a file runs in this process."""
        opening = traits_of(model).opening()
        if opening is None:
            yield from HERE.answers(model, shards, advance)
            return
        todo, attempts, done = deque(range(len(shards))), [0] * len(shards), 0
        try:
            while done < len(shards):
                self._hand_out(opening, shards, todo, attempts)
                for worker in self._ready():
                    message = self._received(worker)
                    if message is not None and message[0] == OPENED:
                        worker.opened, worker.since = True, time.monotonic()
                        continue
                    number, worker.shard = worker.shard, None
                    assert number is not None  # noqa: S101 - only busy workers are listened to
                    if message is None:
                        if attempts[number] >= ATTEMPTS:
                            raise ModelError(
                                f"model {model.name}: its process {_exit(worker.process.returncode)}, "
                                f"{ATTEMPTS} times on the same items"
                            )
                        todo.appendleft(number)
                        continue
                    answer = unwrap(message, model.name)
                    done += 1
                    advance(shards[number].items)
                    yield number, answer
        except BaseException:
            self.close()  # nobody will use what they are working on
            raise

    def _hand_out(self, opening: Opening, shards: Sequence[Shard], todo: deque[int], attempts: list[int]) -> None:
        idle = [worker for worker in self._workers if worker.shard is None]
        while todo and len(self._workers) - len(idle) < self.count:
            worker = idle.pop() if idle else self._start()
            number = todo.popleft()
            worker.shard, worker.opened, worker.since = number, False, time.monotonic()
            attempts[number] += 1
            with suppress(OSError):  # it has died; `_received` will notice
                worker.wire.send((opening, shards[number]))

    def _ready(self) -> list[_Worker]:
        """The workers that have sent a message or died; an error if one is late."""
        busy = [worker for worker in self._workers if worker.shard is not None]
        left = min(3600.0, *(self._left(worker) for worker in busy))
        ready = wait([worker.wire for worker in busy], None if self.deadline is None else max(0.0, left))
        late = [worker for worker in busy if self._left(worker) <= 0]
        if late and not ready:
            limit = self._limit(opened=late[0].opened)
            if late[0].opened:
                raise ModelError(f"a model had not answered its items after {limit:g} s; is it stuck? (--deadline)")
            raise ModelError(
                f"a process had not opened its model after {limit:g} s; is it stuck? If not, give a longer --deadline"
            )
        return [worker for worker in busy if worker.wire in ready]

    def _limit(self, *, opened: bool) -> float:
        """Seconds that a worker may take for a shard once its model is open, or else to open it."""
        if self.deadline is None:
            return float("inf")
        return self.deadline if opened else max(self.deadline, OPENING)

    def _left(self, worker: _Worker) -> float:
        """Seconds that a worker still has."""
        return worker.since + self._limit(opened=worker.opened) - time.monotonic()

    def _received(self, worker: _Worker) -> tuple[str, Any] | None:
        """A worker's message; None where it died."""
        try:
            message: tuple[str, Any] = worker.wire.recv()
        except (EOFError, OSError):
            self._workers.remove(worker)
            worker.end()
            return None
        return message

    def _start(self) -> _Worker:
        ours, theirs = Pipe()
        threads = {f"{library}_NUM_THREADS": str(self.threads) for library in ("OMP", "OPENBLAS", "MKL")}
        # -P: a file in the working directory must not be imported in place of a module.
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **threads},
            process_group=0,  # a terminal's Ctrl-C is for this process, not for the worker
        )
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker


def _exit(code: int | None) -> str:
    if code and code < 0:
        return f"was killed by signal {-code}, perhaps because memory ran out (fewer --workers need less)"
    return f"exited with code {code}"
