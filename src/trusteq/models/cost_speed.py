"""How fast models answer a user's own items: one at a time, and in their ordinary batches.

Models take turns, a few items each, so that other load on the machine affects them equally; and all are timed on the
same items, fewer of them if the models are slow.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from trusteq.models.library_output import one_line
from trusteq.models.probe import predict_in_shape, sample_by_length
from trusteq.models.traits import traits_of
from trusteq.stats.number import Amount, Positive  # noqa: TC001 - read where a record is

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from trusteq.data.items import Items
    from trusteq.models.base import Model

    Clock = Callable[[], float]

ALONE, ALONE_SECONDS = 30, 0.75
"""The most items timed one at a time, and how many seconds that may take for each model."""

TURNS, STRIDE = 10, 7
"""How many turns those items are split into; the step from turn to turn, so that a few turns see all lengths."""

TOGETHER, TOGETHER_SECONDS = 256, 2.0
"""The most items timed in batches, and how many seconds that may take for each model."""

FEWEST, PASSES = 3, (3, 5)
"""Items that even a slow model is timed on in batches; the fewest and most passes over the items."""

FIRST_LOOK, FIRST_SECONDS = 8, 0.25
"""The most items used to estimate how many fit into the time for batches, and about how long that may take."""


@dataclass(frozen=True)
class Spread:
    """The median and quartiles of ``n`` measurements."""

    median: Amount
    low: Amount
    high: Amount
    n: Positive


@dataclass(frozen=True)
class Speed:
    """Seconds an item, one at a time, and items a second in batches; ``failure`` says why a model has neither."""

    latency: Spread | None = None
    throughput: Spread | None = None
    failure: str | None = None


class _Racer:
    """A model while it is timed; it drops out as soon as it fails."""

    def __init__(self, model: Model, shape: int | None, clock: Clock) -> None:
        self.predict: Callable[[Items], object] = model.predict
        if shape is not None:
            self.predict = partial(predict_in_shape, model, batch=shape)
        self.clock = clock
        self.alone: list[float] = []
        self.together: list[float] = []
        self.failure: str | None = traits_of(model).untimed or None

    def seconds(self, items: Items) -> float | None:
        """How long the model takes to answer; None if it fails."""
        if self.failure is not None:
            return None
        try:
            start = self.clock()
            self.predict(items)
            # A clock too coarse for a fast model must not make it infinitely fast.
            return max(self.clock() - start, 1e-9)
        except Exception as error:
            self.failure = one_line(error)
            return None

    def speed(self) -> Speed:
        """The measurements so far."""
        if self.failure is not None:
            return Speed(failure=self.failure)
        return Speed(spread_of(self.alone), spread_of(self.together))


def measure_speed(
    models: Sequence[Model], items: Items, shapes: Sequence[int | None], *, clock: Clock = time.perf_counter
) -> tuple[int, list[Speed]]:
    """How many items were timed one at a time, and each model's speed.

    ``shapes`` [models] is the number of items in a call for a model whose answers depend on the batch, else None.
    """
    racers = [_Racer(model, shape, clock) for model, shape in zip(models, shapes, strict=True)]
    sample = items.take(sample_by_length(items, TOGETHER))
    timed = _time_alone(racers, sample)
    _time_together(racers, sample)
    speeds = [racer.speed() for racer in racers]
    return timed if any(speed.latency for speed in speeds) else 0, speeds


def spread_of(values: Sequence[float]) -> Spread | None:
    """The median and quartiles; None if there are no values."""
    if not values:
        return None
    low, median, high = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
    return Spread(median, low, high, len(values))


def _time_alone(racers: Sequence[_Racer], sample: Items) -> int:
    """How many items of all lengths each racer was timed on, one at a time."""
    singles = [sample.take([i]) for i in _evenly(sample, min(ALONE, len(sample)))]
    turns = min(TURNS, len(singles) // FEWEST or 1)
    for racer in racers:  # warm up: buffers, threads
        racer.seconds(singles[len(singles) // 2])
    timed = 0
    for turn in _while_in_time(racers, ALONE_SECONDS, (1, turns)):
        # Interleaved, so that every turn has items of all lengths; the first starts in the middle.
        batch = singles[(turns // 2 + STRIDE * turn) % turns :: turns]
        for racer in _in_turn(racers, turn):
            racer.alone += [seconds for item in batch if (seconds := racer.seconds(item)) is not None]
        timed += len(batch)
    return timed


def _time_together(racers: Sequence[_Racer], sample: Items) -> None:
    """Time each racer in its ordinary batches."""
    alone = max((float(np.median(racer.alone)) for racer in racers if racer.alone), default=0.0)
    first = sample.take(_evenly(sample, _fit(FIRST_SECONDS, alone, (1, min(FIRST_LOOK, len(sample))))))
    # Twice, because the first call also allocates buffers.
    slowest = max(min(racer.seconds(first) or 0.0, racer.seconds(first) or 0.0) for racer in racers) / len(first)
    count = _fit(TOGETHER_SECONDS / PASSES[0], slowest, (min(FEWEST, len(sample)), len(sample)))
    batch = sample.take(_evenly(sample, count))
    for turn in _while_in_time(racers, TOGETHER_SECONDS, PASSES):
        for racer in _in_turn(racers, turn):
            if (seconds := racer.seconds(batch)) is not None:
                racer.together.append(len(batch) / seconds)


def _while_in_time(racers: Sequence[_Racer], seconds: float, turns: tuple[int, int]) -> Iterator[int]:
    """Turn numbers, within the limits ``turns``, as long as another turn fits into this time for each racer."""
    clock = racers[0].clock
    start = clock()
    for turn in range(turns[1]):
        if turn >= turns[0] and (clock() - start) * (turn + 1) / turn > seconds * len(racers):
            return
        yield turn


def _in_turn(racers: Sequence[_Racer], turn: int) -> Iterator[_Racer]:
    """All racers, with a different one first in each turn."""
    for i in range(len(racers)):
        yield racers[(turn + i) % len(racers)]


def _fit(seconds: float, each: float, limits: tuple[int, int]) -> int:
    """How many items fit into the time, within limits."""
    least, most = limits
    return most if each * most <= seconds else max(int(seconds / each), least)


def _evenly(items: Items, count: int) -> list[int]:
    """Positions of ``count`` evenly spaced items."""
    return [int(at) for at in np.linspace(0, len(items) - 1, count).round()]
