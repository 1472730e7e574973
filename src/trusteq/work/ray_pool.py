"""A pool of Ray actors, and the shards that they have yet to answer.

An actor that no node has room for waits until there is room, and gets no shard before it has started, so a node that
joins late takes its share. One that dies, or whose node is lost, is replaced, and its shard tried again, a few times.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from trusteq import __version__
from trusteq.work.processes import ATTEMPTS
from trusteq.work.ray_actor import Actor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trusteq.models.opening import Opening
    from trusteq.work.shard import Shard

ALIVE, NOTICE, ANSWERED = "alive", "notice", "answered"
"""Messages: the cluster is alive; a line for the user; a request's id and its answer or error, as from `Answerer`."""

AHEAD = 2
"""Shards queued at each actor, so that none waits for the audit."""
BEAT = 3.0
"""Seconds between checks that the cluster is alive, where nothing else happens."""
PATIENCE = 20.0
"""Seconds that an actor may take to start before the user is told what it waits for."""
STARTING = 600.0
"""Seconds that the first actor may take to start: an autoscaling cluster takes minutes to add a node."""


class Stop(Exception):  # noqa: N818 - not always an error
    """The work cannot go on; the message says why."""


def reason(error: BaseException) -> str:
    """Why an actor died or did not start, without Ray's numbers and advice."""
    if type(error).__name__ == "OutOfMemoryError":
        return "its node ran out of memory (fewer --workers need less)"
    detail = str(error).strip().rpartition("\n")[2].rpartition("Worker exit detail: ")[2].strip()
    return f"{detail[:199]}…" if len(detail) > 200 else detail or type(error).__name__


@dataclass(frozen=True)
class Actors:
    """How many actors, what each needs, and their environment variables."""

    count: int
    cpus: float
    gpus: float
    environment: Mapping[str, str]

    @property
    def needs(self) -> str:
        """What each actor needs, in words."""
        cores = f"{self.cpus:g} core{'s' * (self.cpus != 1)}"
        return cores + (f" and {self.gpus:g} GPU{'s' * (self.gpus != 1)}" if self.gpus else "")


@dataclass(eq=False)
class _Task:
    """A shard, how its model is opened, and how many actors died while working on it."""

    number: int
    opening: Opening
    shard: Shard
    deaths: int = 0


@dataclass(eq=False)
class _Seat:
    """An actor and its tasks, its current one first. failures: how often in a row an actor failed to start here."""

    actor: Any = None
    since: float = 0.0
    started: bool = False
    failures: int = 0
    tasks: deque[_Task] = field(default_factory=deque)


class Pool:
    """The actors, and their work. events: what happens, queued from any thread. send: gets the messages above."""

    def __init__(
        self, ray: Any, actors: Actors, events: SimpleQueue[Callable[[Pool], None]], send: Callable[..., None]
    ) -> None:
        self.ray, self.actors, self.events, self.send = ray, actors, events, send
        # Ray could restart an actor itself, but would meanwhile use up all retries of its tasks at once.
        self.kind = ray.remote(Actor).options(
            num_cpus=actors.cpus, num_gpus=actors.gpus, max_restarts=0, max_task_retries=0
        )
        self.todo: deque[_Task] = deque()
        self.notified = False
        self.seats = [_Seat() for _ in range(actors.count)]
        for seat in self.seats:
            self._fill(seat)

    def run(self) -> None:
        """Handle events, until `Stop`."""
        while True:
            try:
                self.events.get(timeout=BEAT)(self)
            except Empty:
                self.ray.nodes()  # raises, or never returns, where the cluster is lost
                self.send(ALIVE)
            self._hand_out()
            self._look_for_room()

    def add(self, number: int, opening: Opening, shard: Shard) -> None:
        """Add a shard."""
        self.todo.append(_Task(number, opening, shard))

    def _fill(self, seat: _Seat) -> None:
        seat.actor, seat.started, seat.since = self.kind.remote(self.actors.environment), False, time.monotonic()
        self._then(seat.actor.place.remote(), partial(Pool._start, seat=seat, actor=seat.actor))

    def _hand_out(self) -> None:
        for before in range(AHEAD):
            for seat in self.seats:
                if self.todo and seat.started and len(seat.tasks) == before:
                    task = self.todo.popleft()
                    seat.tasks.append(task)
                    reference = seat.actor.answer_on_node.remote(task.opening, task.shard)
                    self._then(reference, partial(Pool._finish, seat=seat, actor=seat.actor, task=task))

    def _then(self, reference: Any, event: Callable[..., None]) -> None:
        reference.future().add_done_callback(lambda future: self.events.put(partial(event, future=future)))

    def _start(self, *, seat: _Seat, actor: Any, future: Any) -> None:
        if seat.actor is not actor:
            return
        try:
            node, version = future.result()
        except self.ray.exceptions.RayError as error:
            seat.failures += 1
            if seat.failures >= ATTEMPTS:
                why = reason(error)
                hint = "; is the same trusteq installed on every node?" if "Error: " in why else ""
                raise Stop(f"an actor failed to start {ATTEMPTS} times: {why}{hint}") from None
            self._fill(seat)
            return
        if version != __version__:
            raise Stop(
                f"node {node} has trusteq {version}, this machine {__version__}: install the same version on both"
            )
        seat.started, seat.failures = True, 0

    def _finish(self, *, seat: _Seat, actor: Any, task: _Task, future: Any) -> None:
        if seat.actor is not actor:  # it was thought dead, and the task given to another
            return
        try:
            message = future.result()
        except self.ray.exceptions.RayTaskError as error:
            message = "", f"failed while answering: {reason(error)}"
        except self.ray.exceptions.RayError as error:
            self._replace(seat, error)
            return
        seat.tasks.remove(task)
        self.send(ANSWERED, task.number, message)

    def _replace(self, seat: _Seat, error: Exception) -> None:
        """Replace an actor that died, presumably because of its current task."""
        task = seat.tasks.popleft()
        self.todo.extendleft(reversed(seat.tasks))
        seat.tasks.clear()
        task.deaths += 1
        if task.deaths < ATTEMPTS:
            self.todo.appendleft(task)
        else:
            died = f"its actor died {ATTEMPTS} times on the same items: {reason(error)}"
            self.send(ANSWERED, task.number, ("", died))
        with suppress(Exception):  # it may be alive and merely unreachable
            self.ray.kill(seat.actor)
        self._fill(seat)

    def _look_for_room(self) -> None:
        waiting = [seat.since for seat in self.seats if not seat.started]
        longest = time.monotonic() - min(waiting, default=time.monotonic())
        if longest > STARTING and len(waiting) == len(self.seats):
            raise Stop(
                f"no actor has started in {STARTING / 60:g} minutes: does any node have {self.actors.needs} free? "
                "See `ray status`"
            )
        if longest > PATIENCE and not self.notified:
            started = f"{len(self.seats) - len(waiting)} of {len(self.seats)} actors have started"
            self.send(NOTICE, f"{started}; each of the rest waits for a node with {self.actors.needs} free")
        self.notified = longest > PATIENCE
