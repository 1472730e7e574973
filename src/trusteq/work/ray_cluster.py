"""Shards answered by actors of a Ray cluster; of one on this machine where no address is given.

Each actor opens a model once and answers shard after shard; `ray_pool` looks after them, in a process of its own. Where
that loses the cluster, another joins it as soon as it is back, and goes on with what was not answered.
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
from trusteq.work.shard import HERE, threads_asked
from trusteq.work.worker import result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from trusteq.models.base import Model
    from trusteq.work.shard import Advance, Answered, Shard

AWAY = 600.0
"""Seconds that a cluster that was lost may take to be back."""
AGAIN = 2.0
"""Seconds between two tries to join it."""
LOSSES = 3
"""How often in a row it may be lost without an answer in between."""


@dataclass
class RayCluster:
    """An executor of so many actors. gpus, cpus: what each of them needs, parts of one included.

    Use it as a context. ``say`` is told what is waited for.
    """

    count: int
    address: str | None = None
    gpus: float = 0.0
    cpus: float = 1.0
    say: Callable[[str], None] = lambda line: None
    _link: Link | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.count < 1 or self.gpus < 0 or self.cpus < 0:
            raise OptionError(
                f"{self.count} actors of {self.cpus:g} cores and {self.gpus:g} GPUs: give 1 or more, none below 0"
            )
        if self.address == "":
            raise OptionError("the address of Ray is empty: give host:port, or auto on one of the cluster's nodes")
        self._place = f"Ray at {self.address or 'this machine'}"
        self._names = numbers()
        self._losses = 0

    @property
    def threads(self) -> int:
        """As many as an actor needs cores, unless the user said otherwise."""
        return threads_asked() or max(1, int(self.cpus))

    def __enter__(self) -> RayCluster:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtraError("work on Ray", "ray")
        try:
            self._join()
        except LostError as error:
            hint = "is the address right, the head up, and RAY_AUTH_MODE=token set if it asks for a token?"
            raise RunError(f"{self._place}: {error}" + (f"; {hint}" if self.address else "")) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def answers(self, model: Model, shards: Sequence[Shard], advance: Advance) -> Iterator[tuple[int, Answered]]:
        """Each shard's number and answer, as they are done; a model from no file is asked in this process."""
        opening = traits_of(model).opening()
        if opening is None:
            yield from HERE.answers(model, shards, advance)
            return
        opening = opening.anywhere()
        todo = deque(range(len(shards)))
        # Under names that are never used again: what a caller no longer wants may still be answered.
        under_way: dict[int, int] = {}
        while todo or under_way:
            try:
                link = self._link or self._join()
                while todo and len(under_way) < self.count * AHEAD:
                    name = next(self._names)
                    under_way[name] = todo.popleft()
                    link.tell(name, opening, shards[under_way[name]])
                name, said = link.answer()
            except LostError as error:
                todo.extendleft(sorted(under_way.values(), reverse=True))
                under_way.clear()
                self._join_again(error)
                continue
            if name in under_way:
                self._losses = 0
                number = under_way.pop(name)
                advance(shards[number].items)
                yield number, result(said, model.name)

    def _join(self) -> Link:
        environment = {f"{library}_NUM_THREADS": str(self.threads) for library in ("OMP", "OPENBLAS", "MKL")}
        actors = Actors(self.count, self.cpus, self.gpus, {**environment, "HF_HUB_OFFLINE": "1"})
        self._link = Link(self.address, actors, self._place, self.say)
        return self._link

    def _leave(self) -> None:
        if self._link is not None:
            self._link.end()
        self._link = None

    def _join_again(self, lost: LostError) -> None:
        self._leave()
        self._losses += 1
        if self._losses > LOSSES:
            raise RunError(f"{self._place}: lost {self._losses} times without an answer in between: {lost}")
        self.say(f"{self._place}: lost ({lost}); going on when it is back, for which it has {AWAY / 60:g} minutes")
        until = time.monotonic() + AWAY
        while True:
            try:
                self._join()
            except LostError as error:
                if time.monotonic() > until:
                    raise RunError(
                        f"{self._place}: lost, and not back in {AWAY / 60:g} minutes ({error}); when it is, the same "
                        "command goes on"
                    ) from None
                time.sleep(AGAIN)
            else:
                return
