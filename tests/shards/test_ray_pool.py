"""What becomes of shards when actors start late, die or cannot start; with a Ray that does only what it is told."""

from concurrent.futures import Future
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from trusteq import __version__
from trusteq.work import ray_pool
from trusteq.work.ray_pool import ALIVE, ANSWERED, NOTICE, Actors, Pool, Stop


class Method:
    """A method of an actor: what it was asked, and the futures that it owes."""

    def __init__(self):
        self.asked, self.futures = [], []

    def remote(self, *asked):
        self.asked.append(asked)
        self.futures.append(Future())
        return SimpleNamespace(future=lambda: self.futures[-1])


class Ray:
    class exceptions:  # noqa: N801
        RayError = type("RayError", (Exception,), {})
        RayTaskError = type("RayTaskError", (RayError,), {})
        OutOfMemoryError = type("OutOfMemoryError", (RayError,), {})

    def __init__(self):
        self.actors, self.killed, self.chosen = [], [], {}

    def remote(self, kind):
        return self

    def options(self, **chosen):
        self.chosen = chosen

        def started(environment):
            self.actors.append(SimpleNamespace(place=Method(), answer_on_node=Method()))
            return self.actors[-1]

        return SimpleNamespace(remote=started)

    def kill(self, actor):
        self.killed.append(actor)

    def nodes(self):
        return []


class Trial:
    """A pool of so many actors, and what it told."""

    def __init__(self, count, send=None):
        self.ray, self.told = Ray(), []
        actors = Actors(count, 1.0, 0.0, {})
        self.pool = Pool(self.ray, actors, SimpleQueue(), send or (lambda *message: self.told.append(message)))

    def add(self, *names):
        for number, name in enumerate(names):
            self.pool.add(number, "opening", name)

    def start(self, *at, version=__version__):
        for i in at:
            self.ray.actors[i].place.futures[0].set_result(("node", version))
        self.run()

    def fail(self, at, method, error, call=0):
        getattr(self.ray.actors[at], method).futures[call].set_exception(error)
        self.run()

    def asked(self, at):
        return [shard for _, shard in self.ray.actors[at].answer_on_node.asked]

    def run(self):
        """All that has happened so far is dealt with."""

        class Dealt(Exception):  # noqa: N818
            pass

        def end(_):
            raise Dealt

        # Once for what has happened, once for what came of it.
        for _ in range(2):
            self.pool.events.put(end)
            with pytest.raises(Dealt):
                self.pool.run()


DEATH = Ray.exceptions.RayError("The actor died.\n\tpid: 7\nWorker exit detail: Worker unexpectedly exits.")


def test_an_actor_gets_shards_once_it_has_started():
    trial = Trial(3)
    trial.add(*"abcdefgh")
    trial.start(1)
    assert [trial.asked(i) for i in range(3)] == [[], ["a", "b"], []]
    trial.start(0, 2)
    assert sorted(trial.asked(0) + trial.asked(2)) == ["c", "d", "e", "f"]
    trial.ray.actors[1].answer_on_node.futures[0].set_result(("answer", 5))
    trial.run()
    assert trial.told == [(ANSWERED, 0, ("answer", 5))]
    assert trial.asked(1) == ["a", "b", "g"]


def test_ray_itself_tries_nothing_again():
    """It would fail a task as often as it may try it, at once, while the actor is started again elsewhere."""
    assert Trial(1).ray.chosen == {"num_cpus": 1.0, "num_gpus": 0.0, "max_restarts": 0, "max_task_retries": 0}


def test_the_shards_of_an_actor_that_died_come_first():
    trial = Trial(2)
    trial.add(*"abcde")
    trial.start(0)
    trial.fail(0, "answer_on_node", DEATH)
    assert trial.ray.killed == [trial.ray.actors[0]]
    assert len(trial.ray.actors) == 3
    trial.fail(0, "answer_on_node", DEATH, call=1)  # heard of it before
    assert len(trial.ray.actors) == 3
    trial.start(1, 2)
    assert sorted(trial.asked(1) + trial.asked(2)) == ["a", "b", "c", "d"]


def test_a_shard_of_which_three_actors_died_is_told_and_those_behind_it_are_not_blamed():
    trial = Trial(1)
    trial.add(*"ab")
    for i in range(3):
        trial.start(i)
        assert trial.asked(i) == ["a", "b"]
        trial.fail(i, "answer_on_node", DEATH)
    ((kind, number, (error, line)),) = trial.told
    assert (kind, number, error) == (ANSWERED, 0, "")
    assert line == "its actor died 3 times on the same items: Worker unexpectedly exits."
    trial.start(3)
    assert trial.asked(3) == ["b"]


def test_want_of_memory_is_said():
    trial = Trial(1)
    trial.add("a")
    for i in range(3):
        trial.start(i)
        trial.fail(i, "answer_on_node", Ray.exceptions.OutOfMemoryError("1 worker(s) were killed\nSee https://..."))
    assert trial.told[0][2][1].endswith("its node ran out of memory (fewer --workers need less)")


def test_what_fails_without_a_death_is_not_tried_again():
    trial = Trial(1)
    trial.add("a")
    trial.start(0)
    trial.fail(0, "answer_on_node", Ray.exceptions.RayTaskError("Traceback\nSystemExit: 3"))
    assert trial.told == [(ANSWERED, 0, ("", "failed while answering: SystemExit: 3"))]


def test_actors_that_cannot_start_end_it():
    trial = Trial(1)
    error = Ray.exceptions.RayError("died in its creation task\n^^^\nModuleNotFoundError: No module named 'trusteq'\n")
    trial.fail(0, "place", error)
    trial.fail(1, "place", error)
    with pytest.raises(Stop) as caught:
        trial.fail(2, "place", error)
    assert str(caught.value) == (
        "an actor failed to start 3 times: ModuleNotFoundError: No module named 'trusteq'; is the same trusteq "
        "installed on every node?"
    )


def test_another_trusteq_on_a_node_ends_it():
    with pytest.raises(Stop, match=r"node node has trusteq 0\.0\.9"):
        Trial(1).start(0, version="0.0.9")


def test_what_is_waited_for_is_said_once(monkeypatch):
    monkeypatch.setattr(ray_pool, "BEAT", 0.001)
    monkeypatch.setattr(ray_pool, "PATIENCE", -1.0)
    told = []

    def send(*message):
        told.append(message)
        if len(told) == 4:
            raise Stop

    trial = Trial(2, send)
    trial.ray.actors[0].place.futures[0].set_result(("node", __version__))
    with pytest.raises(Stop):
        trial.pool.run()
    line = "1 of 2 actors have started; each of the rest waits for a node with 1 core free"
    assert told == [(NOTICE, line), (ALIVE,), (ALIVE,), (ALIVE,)]


def test_a_cluster_with_no_room_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(ray_pool, "BEAT", 0.001)
    monkeypatch.setattr(ray_pool, "STARTING", -60.0)
    with pytest.raises(Stop, match="no actor has started in -1 minutes: does any node have 1 core free"):
        Trial(2).pool.run()


def test_what_an_actor_needs_in_words():
    assert Actors(1, 1.0, 0.0, {}).needs == "1 core"
    assert Actors(1, 0.5, 2.0, {}).needs == "0.5 cores and 2 GPUs"
    assert Actors(1, 2.0, 1.0, {}).needs == "2 cores and 1 GPU"
