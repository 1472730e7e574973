"""Shards answered by actors of a Ray cluster, or of one started on this machine where no address is given.

Each actor opens a model once and answers shard after shard; `ray_pool` manages them, in a separate process. If that
process loses the cluster, another joins it as soon as it is back, and goes on with the unanswered shards.
"""

from __future__ import annotations

import importlib.util
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import count as numbers
from typing import TYPE_CHECKING

from trusteq.errors import MissingExtraError, OptionError, RunError
from trusteq.models.traits import traits_of
from trusteq.work.ray_link import Link, LostError
from trusteq.work.ray_pool import AHEAD, Actors
from trusteq.work.shard import HERE, requested_threads
from trusteq.work.worker import unwrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from trusteq.models.base import Model
    from trusteq.work.shard import Advance, Answered, Shard

AWAY = 600.0
"""Seconds that a lost cluster may take to come back."""
RETRY = 2.0
"""Seconds between two attempts to rejoin it."""
LOSSES = 3
"""How often in a row the cluster may be lost without an answer in between."""


@dataclass
class RayCluster:
    """An executor of ``count`` actors. gpus, cpus: what each actor needs, fractions allowed.

    Use it as a context manager. notify: called with a line about anything it waits for.
    """

    count: int
    address: str | None = None
    gpus: float = 0.0
    cpus: float = 1.0
    notify: Callable[[str], None] = lambda line: None
    _link: Link | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.count < 1 or self.gpus < 0 or self.cpus < 0:
            raise OptionError(
                f"{self.count} actors of {self.cpus:g} cores and {self.gpus:g} GPUs: give 1 or more actors, and no "
                "negative number of cores or GPUs"
            )
        if self.address == "":
            raise OptionError("the Ray address is empty: give host:port, or auto on one of the cluster's nodes")
        self._place = f"Ray at {self.address or 'this machine'}"
        self._requests = numbers()
        self._losses = 0

    @property
    def threads(self) -> int:
        """As many as an actor has cores, unless the user set a number."""
        return requested_threads() or max(1, int(self.cpus))

    def __enter__(self) -> RayCluster:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtraError("work on Ray", "ray")
        try:
            self._join()
        except LostError as error:
            hint = "is the address right, is the head node up, and is RAY_AUTH_MODE=token set if it requires a token?"
            raise RunError(f"{self._place}: {error}" + (f"; {hint}" if self.address else "")) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def answers(self, model: Model, shards: Sequence[Shard], advance: Advance) -> Iterator[tuple[int, Answered]]:
        """Each shard's number and answer, as they are done; a model that is not from a file runs in this process."""
        opening = traits_of(model).opening()
        if opening is None:
            yield from HERE.answers(model, shards, advance)
            return
        opening = opening.anywhere()
        todo = deque(range(len(shards)))
        # Request ids are never reused: answers may still arrive to requests that a caller has given up.
        pending: dict[int, int] = {}
        while todo or pending:
            try:
                link = self._link or self._join()
                while todo and len(pending) < self.count * AHEAD:
                    request = next(self._requests)
                    pending[request] = todo.popleft()
                    link.send(request, opening, shards[pending[request]])
                request, message = link.answer()
            except LostError as error:
                todo.extendleft(sorted(pending.values(), reverse=True))
                pending.clear()
                self._rejoin(error)
                continue
            if request in pending:
                self._losses = 0
                number = pending.pop(request)
                advance(shards[number].items)
                yield number, unwrap(message, model.name)

    def _join(self) -> Link:
        environment = {f"{library}_NUM_THREADS": str(self.threads) for library in ("OMP", "OPENBLAS", "MKL")}
        actors = Actors(self.count, self.cpus, self.gpus, {**environment, "HF_HUB_OFFLINE": "1"})
        self._link = Link(self.address, actors, self._place, self.notify)
        return self._link

    def _leave(self) -> None:
        if self._link is not None:
            self._link.end()
        self._link = None

    def _rejoin(self, lost: LostError) -> None:
        self._leave()
        self._losses += 1
        if self._losses > LOSSES:
            raise RunError(f"{self._place}: connection lost {self._losses} times without an answer in between: {lost}")
        self.notify(f"{self._place}: connection lost ({lost}); waiting up to {AWAY / 60:g} minutes for it to come back")
        until = time.monotonic() + AWAY
        while True:
            try:
                self._join()
            except LostError as error:
                if time.monotonic() > until:
                    raise RunError(
                        f"{self._place}: connection lost, and not back in {AWAY / 60:g} minutes ({error}); once it is, "
                        "run the same command again to resume"
                    ) from None
                time.sleep(RETRY)
            else:
                return
