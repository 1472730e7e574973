"""Speed, by a clock that only the models move."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from trusteq import Items
from trusteq.models import cost_speed
from trusteq.models.base import Identity
from trusteq.models.cost_speed import Spread, measure_speed, spread_of


@pytest.fixture(autouse=True, scope="module")
def full_timing(brief_timing):
    """As long as for users: here it is the clock's time."""
    with pytest.MonkeyPatch.context() as patch:
        for name, seconds in brief_timing.items():
            patch.setattr(cost_speed, name, seconds)
        yield


ITEMS = Items(ids=[f"i{i}" for i in range(400)], segments={"text": ["w " * (1 + i // 8) for i in range(400)]})


class Clock:
    """Seconds since the start; where the machine gets slower, each takes ``drag`` longer than the one before."""

    def __init__(self, drag: float = 0.0) -> None:
        self.now, self.drag, self.order = 0.0, drag, []

    def __call__(self) -> float:
        return self.now


@dataclass
class Timed:
    """A model that takes so many seconds a call and an item, and fails at the call of this number."""

    name: str
    clock: Clock
    item: float = 0.005
    call: float = 0.0
    fails_at: int | None = None
    labels: tuple[str, ...] = ("no", "yes")
    asked: list = field(default_factory=list)

    identity = Identity("timed", "here", None)

    def predict(self, items):
        self.asked.append(tuple(items.ids))
        self.clock.order.append(self.name)
        if self.fails_at == len(self.asked):
            raise ValueError("no more\nthan this")
        seconds = self.call + self.item * len(items)
        self.clock.now += seconds * (1 + self.clock.drag * self.clock.now)
        return np.full((len(items), 2), 0.5)

    def findings(self):
        return ()


def race(clock, *models, items=ITEMS, shapes=None):
    count, speeds = measure_speed(models, items, shapes or [None] * len(models), clock=clock)
    return count, speeds


def test_an_item_alone_and_items_together_take_what_they_take():
    clock = Clock()
    count, (slow, fast) = race(clock, Timed("a", clock, item=0.001, call=0.004), Timed("b", clock, item=0.001))
    assert count == slow.latency.n == fast.latency.n == 30
    assert slow.latency == Spread(*[pytest.approx(0.005)] * 3, n=30)
    assert fast.latency == Spread(*[pytest.approx(0.001)] * 3, n=30)
    assert slow.throughput == Spread(*[pytest.approx(256 / 0.26)] * 3, n=5)
    assert fast.throughput == Spread(*[pytest.approx(1000)] * 3, n=5)


def test_the_spread_is_the_median_and_the_quartiles():
    assert spread_of([4.0, 1.0, 2.0, 3.0, 5.0]) == Spread(3.0, 2.0, 4.0, 5)
    assert spread_of([]) is None


def test_models_take_turns_and_none_is_always_first():
    clock = Clock()
    race(clock, *(Timed(name, clock, item=0.001) for name in "abc"))
    assert clock.order[:3] == ["a", "b", "c"]  # once, to warm up
    alone = "".join(clock.order[3 : 3 + 3 * 30])
    assert alone == ("aaabbbcccbbbcccaaacccaaabbb") * 3 + "aaabbbccc"
    assert "".join(clock.order[-15:]) == "abcbcacababcbca"


def test_a_machine_that_gets_slower_does_not_favour_the_first_model():
    clock = Clock(drag=0.5)
    _, (one, two) = race(clock, Timed("a", clock), Timed("b", clock))
    assert one.latency.high > 1.05 * one.latency.low  # it does get slower
    assert two.latency.median == pytest.approx(one.latency.median, rel=0.02)
    assert two.throughput.median == pytest.approx(one.throughput.median, rel=0.35)


def lengths_of(ids):
    return [len(ITEMS.segments["text"][ITEMS.ids.index(id_)].split()) for id_ in ids]


def test_all_models_are_asked_the_same_items_of_every_length():
    clock = Clock()
    one, two = Timed("a", clock), Timed("b", clock, item=0.001)
    race(clock, one, two)
    assert one.asked == two.asked
    alone = [ids[0] for ids in one.asked[1:31]]
    assert len(set(alone)) == 30
    lengths = lengths_of(alone)
    assert (min(lengths), max(lengths)) == (1, 50)
    assert np.median(lengths) == pytest.approx(25, abs=2)
    # So has every turn, should there be time for no more.
    for turn in np.reshape(lengths, (10, 3)):
        assert turn[1] - turn[0] == pytest.approx(17, abs=2)
        assert turn[2] - turn[1] == pytest.approx(17, abs=2)


def test_the_order_of_the_items_does_not_matter():
    clock = Clock()
    one, two = Timed("a", clock), Timed("a", clock)
    race(clock, one)
    race(clock, two, items=ITEMS.take(np.random.default_rng(1).permutation(len(ITEMS))))
    assert one.asked == two.asked


def test_a_slow_model_is_asked_fewer_items_and_so_is_a_fast_one_beside_it():
    clock = Clock()
    count, (slow, fast) = race(clock, Timed("a", clock, item=0.2), Timed("b", clock, item=0.001))
    assert count == slow.latency.n == fast.latency.n == 6
    assert slow.throughput.n == fast.throughput.n == 5


@pytest.mark.parametrize("seconds", [1.0, 60.0])
def test_even_the_slowest_model_is_asked_three_items(seconds):
    clock = Clock()
    model = Timed("a", clock, item=seconds)
    count, (speed,) = race(clock, model)
    assert (count, speed.latency.n, speed.throughput.n) == (3, 3, 3)
    assert speed.throughput.median == pytest.approx(1 / seconds)
    assert clock.now == pytest.approx(15 * seconds)


@pytest.mark.parametrize("seconds", [1.0, 0.2, 0.1, 0.06])
def test_the_items_that_a_slow_model_is_asked_are_no_shorter_than_the_others(seconds):
    clock = Clock()
    model = Timed("a", clock, item=seconds)
    count, _ = race(clock, model)
    assert count in {3, 6, 9, 12}
    assert np.mean(lengths_of(ids[0] for ids in model.asked[1 : 1 + count])) == pytest.approx(25.5, abs=2.5)


@pytest.mark.parametrize("item", [0.0, 1e-5, 1e-3, 0.01, 0.05, 0.2])
def test_the_time_a_model_takes_is_bounded(item):
    clock = Clock()
    race(clock, *(Timed(name, clock, item=item) for name in "abcd"))
    assert clock.now <= 4 * max(3.3, 15 * item + 0.01)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 29, 31])
def test_few_items_are_all_asked(n):
    clock = Clock()
    model = Timed("a", clock)
    count, (speed,) = race(clock, model, items=ITEMS.take(range(n)))
    assert count == speed.latency.n == min(n, 30)
    assert len(model.asked[-1]) == n


def test_a_model_that_fails_is_out_and_the_others_are_timed():
    clock = Clock()
    broken = Timed("a", clock, fails_at=5)
    count, (failed, well) = race(clock, broken, Timed("b", clock))
    assert (failed.latency, failed.throughput, failed.failure) == (None, None, "no more than this")
    assert len(broken.asked) == 5
    assert (count, well.latency.n, well.throughput.n) == (30, 30, 5)


def test_where_every_model_fails_no_item_was_timed():
    clock = Clock()
    count, (speed,) = race(clock, Timed("a", clock, fails_at=1))
    assert (count, speed.latency, speed.failure) == (0, None, "no more than this")


def test_an_interruption_is_no_failure():
    class Interrupted(Timed):
        def predict(self, items):
            raise KeyboardInterrupt

    clock = Clock()
    with pytest.raises(KeyboardInterrupt):
        race(clock, Interrupted("a", clock))


def test_a_model_that_depends_on_its_batch_is_asked_in_its_own_shape():
    clock = Clock()
    model = Timed("a", clock, item=0.001, call=0.001)
    _, (speed,) = race(clock, model, shapes=[4])
    assert {len(ids) for ids in model.asked} == {1, 4}
    assert speed.throughput.median == pytest.approx(4 / 0.005)


def test_a_clock_that_stands_still_gives_numbers():
    _, (speed,) = race(Clock(), Timed("a", Clock(), item=0.0))
    assert np.isfinite([speed.latency.median, speed.throughput.median]).all()
