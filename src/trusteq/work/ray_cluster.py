"""Shards answered by actors of a Ray cluster; of one on this machine where no address is given.

Each actor opens a model once and answers shard after shard. Only as many shards as there are actors, and as many again,
are under way. Ray starts an actor that dies, or whose node is lost, again and gives it its shard once more.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trusteq.errors import MissingExtraError, ModelError, OptionError, RunError
from trusteq.models.again import how_to_open
from trusteq.models.chatter import one_line
from trusteq.work.shard import HERE, threads_asked
from trusteq.work.worker import Asker, result

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trusteq.models.base import Model
    from trusteq.work.shard import Advance, Answered, Shard

RETRIES = 2
"""How often a shard is tried again whose actor dies."""
AHEAD = 2
"""Shards that each actor has before it, so that none waits for this process."""


@dataclass
class RayCluster:
    """An executor of so many actors. gpus, cpus: what each of them needs, parts of one included.

    Use it as a context: then a cluster that it started on this machine ends with it.
    """

    count: int
    address: str | None = None
    gpus: float = 0.0
    cpus: float = 1.0

    def __post_init__(self) -> None:
        if self.count < 1 or self.gpus < 0 or self.cpus < 0:
            raise OptionError(
                f"{self.count} actors of {self.cpus:g} cores and {self.gpus:g} GPUs: give 1 or more, none below 0"
            )
        self._actors: list[Any] = []
        self._started = False

    @property
    def threads(self) -> int:
        """Ray gives an actor as many as it needs cores, unless the user said otherwise."""
        return threads_asked() or max(1, int(self.cpus))

    def __enter__(self) -> RayCluster:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it would tell its makers
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError("work on Ray", "ray") from error
        if not ray.is_initialized():
            here: dict[str, Any] = {"include_dashboard": False, "num_cpus": max(self.count, os.cpu_count() or 1)}
            try:
                _refuse_silence(self.address)
                local = {} if self.address else here
                ray.init(address=self.address, logging_level=logging.ERROR, log_to_driver=False, **local)
            except Exception as error:
                raise RunError(f"Ray at {self.address or 'this machine'}: {one_line(error)}") from None
            self._started = True
        actor = ray.remote(Asker).options(
            num_cpus=self.cpus, num_gpus=self.gpus, max_restarts=-1, max_task_retries=RETRIES
        )
        self._actors = [actor.remote() for _ in range(self.count)]
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        for actor in self._actors:
            ray.kill(actor)
        self._actors = []
        if self._started:
            ray.shutdown()

    def answers(self, model: Model, shards: Sequence[Shard], advance: Advance) -> Iterator[tuple[int, Answered]]:
        """Each shard's number and answer, as they are done; a model from no file is asked in this process."""
        opening = how_to_open(model)
        if opening is None:
            yield from HERE.answers(model, shards, advance)
            return
        import ray

        todo = deque(range(len(shards)))
        under_way: dict[Any, tuple[int, Any]] = {}
        free = deque(self._actors * AHEAD)
        while todo or under_way:
            while todo and free:
                actor, number = free.popleft(), todo.popleft()
                under_way[actor.answer.remote(opening, shards[number])] = number, actor
            (done,), _ = ray.wait(list(under_way), num_returns=1)
            number, actor = under_way.pop(done)
            try:
                said = ray.get(done)
            except ray.exceptions.RayError as error:
                for other in under_way:
                    ray.cancel(other)
                raise ModelError(
                    f"model {model.name}: the actor that asked it died {RETRIES + 1} times on the same items: "
                    f"{one_line(error)[:200]}"
                ) from None
            free.append(actor)
            advance(shards[number].items)
            yield number, result(said, model.name)


def _refuse_silence(address: str | None) -> None:
    """An error at once where nobody listens; Ray itself tries for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()
