"""So many actors of Ray, and the shards before them.

An actor that no node has room for waits until there is room, and gets no shard before it has started; so a node that is
added takes its share. One that dies, or whose node is lost, is replaced, and its shard tried again, a few times.
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

ALIVE, SAY, ANSWERED = "alive", "say", "answered"
"""What is told: the cluster is still there; a line; a shard's number and what was said of it, as `Asker` says it."""

AHEAD = 2
"""Shards that each actor has before it, so that none waits for the audit."""
BEAT = 3.0
"""Seconds between two looks whether the cluster is still there, where nothing else happens."""
PATIENCE = 20.0
"""Seconds that an actor may take to start before a line says what it waits for."""
STARTING = 600.0
"""Seconds that the first actor may take to start: a cluster that grows takes minutes to add a node."""


class Stop(Exception):  # noqa: N818 - an end, which need not be an error
    """The work ends; the message says why."""


def reason(error: BaseException) -> str:
    """Why an actor died or did not start, without Ray's numbers and advice."""
    if type(error).__name__ == "OutOfMemoryError":
        return "its node ran short of memory, of which fewer --workers need less"
    said = str(error).strip().rpartition("\n")[2].rpartition("Worker exit detail: ")[2].strip()
    return f"{said[:199]}…" if len(said) > 200 else said or type(error).__name__


@dataclass(frozen=True)
class Actors:
    """How many, what each needs, and the environment that it opens models in."""

    count: int
    cpus: float
    gpus: float
    environment: Mapping[str, str]

    @property
    def needs(self) -> str:
        """What each of them needs, in words."""
        cores = f"{self.cpus:g} core{'s' * (self.cpus != 1)}"
        return cores + (f" and {self.gpus:g} GPU{'s' * (self.gpus != 1)}" if self.gpus else "")


@dataclass(eq=False)
class _Task:
    """A shard, how its model is opened, and how many actors died of it."""

    number: int
    opening: Opening
    shard: Shard
    deaths: int = 0


@dataclass(eq=False)
class _Seat:
    """An actor and its tasks, the one that it is at first. failures: how often in a row none could start here."""

    actor: Any = None
    since: float = 0.0
    started: bool = False
    failures: int = 0
    tasks: deque[_Task] = field(default_factory=deque)


class Pool:
    """The actors, and what is to be done. events: what happens, from whatever thread; tell: hears what comes of it."""

    def __init__(
        self, ray: Any, actors: Actors, events: SimpleQueue[Callable[[Pool], None]], tell: Callable[..., None]
    ) -> None:
        self.ray, self.actors, self.events, self.tell = ray, actors, events, tell
        # Ray would start an actor again itself, but fail its tasks meanwhile as often as it may try them, at once.
        self.kind = ray.remote(Actor).options(
            num_cpus=actors.cpus, num_gpus=actors.gpus, max_restarts=0, max_task_retries=0
        )
        self.todo: deque[_Task] = deque()
        self.said_waiting = False
        self.seats = [_Seat() for _ in range(actors.count)]
        for seat in self.seats:
            self._fill(seat)

    def run(self) -> None:
        """Do what comes, until `Stop`."""
        while True:
            try:
                self.events.get(timeout=BEAT)(self)
            except Empty:
                self.ray.nodes()  # an error, or no end, where the cluster is lost
                self.tell(ALIVE)
            self._hand_out()
            self._look_for_room()

    def add(self, number: int, opening: Opening, shard: Shard) -> None:
        """One shard more."""
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
                    reference = seat.actor.answer_there.remote(task.opening, task.shard)
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
                hint = "; install the same trusteq on every node" if "Error: " in why else ""
                raise Stop(f"an actor failed to start {ATTEMPTS} times: {why}{hint}") from None
            self._fill(seat)
            return
        if version != __version__:
            raise Stop(f"the node {node} has trusteq {version}, here it is {__version__}: install the same everywhere")
        seat.started, seat.failures = True, 0

    def _finish(self, *, seat: _Seat, actor: Any, task: _Task, future: Any) -> None:
        if seat.actor is not actor:  # it was taken for dead, and the task given to another
            return
        try:
            said = future.result()
        except self.ray.exceptions.RayTaskError as error:
            said = "", f"failed while answering: {reason(error)}"
        except self.ray.exceptions.RayError as error:
            self._replace(seat, error)
            return
        seat.tasks.remove(task)
        self.tell(ANSWERED, task.number, said)

    def _replace(self, seat: _Seat, error: Exception) -> None:
        """Another actor for one that died of its first task, as far as anybody knows."""
        task = seat.tasks.popleft()
        self.todo.extendleft(reversed(seat.tasks))
        seat.tasks.clear()
        task.deaths += 1
        if task.deaths < ATTEMPTS:
            self.todo.appendleft(task)
        else:
            died = f"the actor that asked it died {ATTEMPTS} times on the same items: {reason(error)}"
            self.tell(ANSWERED, task.number, ("", died))
        with suppress(Exception):  # it may be alive, and only out of reach
            self.ray.kill(seat.actor)
        self._fill(seat)

    def _look_for_room(self) -> None:
        waiting = [seat.since for seat in self.seats if not seat.started]
        longest = time.monotonic() - min(waiting, default=time.monotonic())
        if longest > STARTING and len(waiting) == len(self.seats):
            raise Stop(
                f"no actor has started in {STARTING / 60:g} minutes: is there a node with {self.actors.needs} free? "
                "`ray status` tells"
            )
        if longest > PATIENCE and not self.said_waiting:
            started = f"{len(self.seats) - len(waiting)} of {len(self.seats)} actors have started"
            self.tell(
                SAY, f"{started}; is there a node with {self.actors.needs} free for each of the rest? They wait for it"
            )
        self.said_waiting = longest > PATIENCE
