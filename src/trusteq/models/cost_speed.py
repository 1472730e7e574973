"""How fast models answer a user's own items: one at a time, and in their ordinary batches.

Models take turns, a few items each, so that whatever else the machine does meets them alike; and all are timed on the
same items, of which there are fewer the slower they are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from trusteq.models.library_output import one_line
from trusteq.models.probe import predict_in_shape, spread
from trusteq.stats.number import Amount, Positive  # noqa: TC001 - read where a record is

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from trusteq.data.items import Items
    from trusteq.models.base import Model

    Clock = Callable[[], float]

ALONE, ALONE_SECONDS = 30, 0.75
"""Items asked one at a time at most, and how long that may take, times the models."""

TURNS, STRIDE = 10, 7
"""In how many turns those items are dealt out; and the step from turn to turn, so that a few turns see all lengths."""

TOGETHER, TOGETHER_SECONDS = 256, 2.0
"""Items asked in batches at most, and how long that may take, times the models."""

FEWEST, PASSES = 3, (3, 5)
"""Items that even a slow model is asked in batches, and how often at least and at most."""

FIRST_LOOK, FIRST_SECONDS = 8, 0.25
"""Items at most that tell how many a model can be asked in batches, and about how long that may take."""


@dataclass(frozen=True)
class Spread:
    """The median and quartiles of ``n`` measurements."""

    median: Amount
    low: Amount
    high: Amount
    n: Positive


@dataclass(frozen=True)
class Speed:
    """Seconds an item asked alone, and items a second asked together; ``failure`` says why a model has neither."""

    latency: Spread | None = None
    throughput: Spread | None = None
    failure: str | None = None


class _Racer:
    """One model while it is timed; out as soon as it fails."""

    def __init__(self, model: Model, shape: int | None, clock: Clock) -> None:
        self.ask: Callable[[Items], object] = model.predict
        if shape is not None:
            self.ask = partial(predict_in_shape, model, batch=shape)
        self.clock = clock
        self.alone: list[float] = []
        self.together: list[float] = []
        self.failure: str | None = None

    def seconds(self, items: Items) -> float | None:
        """How long it takes to answer; None where it fails."""
        if self.failure is not None:
            return None
        try:
            start = self.clock()
            self.ask(items)
            # A clock too coarse for a fast model must not make it infinitely fast.
            return max(self.clock() - start, 1e-9)
        except Exception as error:
            self.failure = one_line(error)
            return None

    def speed(self) -> Speed:
        """What was measured."""
        if self.failure is not None:
            return Speed(failure=self.failure)
        return Speed(spread_of(self.alone), spread_of(self.together))


def measure_speed(
    models: Sequence[Model], items: Items, shapes: Sequence[int | None], *, clock: Clock = time.perf_counter
) -> tuple[int, list[Speed]]:
    """How many items were asked one at a time, and each model's speed.

    ``shapes`` [models] is the number of items in a call where a model's answers depend on their batch.
    """
    racers = [_Racer(model, shape, clock) for model, shape in zip(models, shapes, strict=True)]
    chosen = items.take(spread(items, TOGETHER))
    alone = _time_alone(racers, chosen)
    _time_together(racers, chosen)
    speeds = [racer.speed() for racer in racers]
    return alone if any(speed.latency for speed in speeds) else 0, speeds


def spread_of(values: Sequence[float]) -> Spread | None:
    """The median and quartiles; None of nothing."""
    if not values:
        return None
    low, median, high = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
    return Spread(median, low, high, len(values))


def _time_alone(racers: Sequence[_Racer], chosen: Items) -> int:
    """Each racer's seconds for items of every length asked alone; returns for how many."""
    singles = [chosen.take([i]) for i in _evenly(chosen, min(ALONE, len(chosen)))]
    turns = min(TURNS, len(singles) // FEWEST or 1)
    for racer in racers:  # what happens only once: buffers, threads
        racer.seconds(singles[len(singles) // 2])
    asked = 0
    for turn in _while_in_time(racers, ALONE_SECONDS, (1, turns)):
        # Dealt out, so that every turn has items of every length, the first one from the middle.
        dealt = singles[(turns // 2 + STRIDE * turn) % turns :: turns]
        for racer in _in_turn(racers, turn):
            racer.alone += [seconds for item in dealt if (seconds := racer.seconds(item)) is not None]
        asked += len(dealt)
    return asked


def _time_together(racers: Sequence[_Racer], chosen: Items) -> None:
    """Each racer's items a second in its ordinary batches."""
    alone = max((float(np.median(racer.alone)) for racer in racers if racer.alone), default=0.0)
    first = chosen.take(_evenly(chosen, _fit(FIRST_SECONDS, alone, (1, min(FIRST_LOOK, len(chosen))))))
    # Twice, for the first time there are buffers to make.
    slowest = max(min(racer.seconds(first) or 0.0, racer.seconds(first) or 0.0) for racer in racers) / len(first)
    count = _fit(TOGETHER_SECONDS / PASSES[0], slowest, (min(FEWEST, len(chosen)), len(chosen)))
    some = chosen.take(_evenly(chosen, count))
    for turn in _while_in_time(racers, TOGETHER_SECONDS, PASSES):
        for racer in _in_turn(racers, turn):
            if (seconds := racer.seconds(some)) is not None:
                racer.together.append(len(some) / seconds)


def _while_in_time(racers: Sequence[_Racer], seconds: float, turns: tuple[int, int]) -> Iterator[int]:
    """Turns, at least and at most so many, while another one fits into this long a racer."""
    clock = racers[0].clock
    start = clock()
    for turn in range(turns[1]):
        if turn >= turns[0] and (clock() - start) * (turn + 1) / turn > seconds * len(racers):
            return
        yield turn


def _in_turn(racers: Sequence[_Racer], turn: int) -> Iterator[_Racer]:
    """All racers, a different one first each time."""
    for i in range(len(racers)):
        yield racers[(turn + i) % len(racers)]


def _fit(seconds: float, each: float, limits: tuple[int, int]) -> int:
    """How many fit into the time, within limits."""
    least, most = limits
    return most if each * most <= seconds else max(int(seconds / each), least)


def _evenly(items: Items, count: int) -> list[int]:
    """Positions of ``count`` items, as far apart as can be."""
    return [int(at) for at in np.linspace(0, len(items) - 1, count).round()]
