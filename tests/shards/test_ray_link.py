"""The process that speaks to Ray, and a cluster that is lost: joined again, or one line."""

import os
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from trusteq import RunError
from trusteq.work import ray_cluster, ray_link
from trusteq.work.ray_cluster import RayCluster
from trusteq.work.ray_link import Link, LostError
from trusteq.work.ray_pool import Actors
from trusteq.work.shard import Answered, in_order

pytest.importorskip("ray", reason="needs the extra 'ray'")

ACTORS = Actors(1, 1.0, 0.0, {})


def link(code, tmp_path, monkeypatch):
    """To a process that does something else."""
    (tmp_path / "otherwise.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(ray_link, "MODULE", "otherwise")
    return Link("127.0.0.1:1", ACTORS, "Ray at 127.0.0.1:1", print)


def test_a_process_that_ends_without_a_word(tmp_path, monkeypatch):
    """As Ray ends one whose head is lost, with the exit code of NOT EQUIVALENT."""
    with pytest.raises(LostError, match="its head node, or the node that was joined, no longer answers"):
        link("raise SystemExit(1)", tmp_path, monkeypatch)


def test_a_process_that_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_link, "SILENCE", 0.2)
    monkeypatch.setattr(ray_link, "GRACE", 0.1)
    with pytest.raises(LostError, match=r"it has sent nothing for 0.2 s"):
        link("import time\ntime.sleep(60)", tmp_path, monkeypatch)


def test_what_a_process_said_before_it_ended_is_heard(tmp_path, monkeypatch):
    code = (
        "import sys\nfrom multiprocessing.connection import Connection\nwire = Connection(int(sys.argv[1]))\n"
        "wire.recv()\nwire.send(('joined',))\nwire.send(('failed', 'no room'))\n"
    )
    there = link(code, tmp_path, monkeypatch)
    there._process.wait()
    there.send(0, "opening", "shard")
    with pytest.raises(RunError, match=r"Ray at 127\.0\.0\.1:1: no room"):
        there.answer()
    there.end()


def test_the_environment_of_a_cluster_of_its_own(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "src", "/b"]))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    ours, theirs = ray_link._environment(private=True), ray_link._environment(private=False)
    assert ours["PYTHONPATH"] == os.pathsep.join([str(Path.cwd() / "src"), "/b"])
    assert ours["RAY_USAGE_STATS_ENABLED"] == theirs["RAY_USAGE_STATS_ENABLED"] == "0"
    assert ours["RAY_AUTH_MODE"] == "token"
    assert ours["RAY_AUTH_TOKEN"] != ray_link._environment(private=True)["RAY_AUTH_TOKEN"]
    assert "RAY_AUTH_MODE" not in theirs


class Clusters:
    """What becomes of one join after the other: not there, or lost after so many answers."""

    def __init__(self, monkeypatch, *fates):
        self.fates, self.asked = deque(fates), []
        monkeypatch.setattr(ray_cluster, "Link", self.join)
        monkeypatch.setattr(ray_cluster, "RETRY", 0.0)

    def join(self, *_):
        fate = self.fates.popleft() if len(self.fates) > 1 else self.fates[0]
        if fate is None:
            raise LostError("not there")
        return Joined(fate, self.asked)


class Joined:
    def __init__(self, answers, asked):
        self.left, self.asked, self.waiting = answers, asked, deque()

    def send(self, name, opening, shard):
        self.asked.append(shard.number)
        self.waiting.append((name, shard.number))

    def answer(self):
        if not self.left:
            raise LostError("its head is gone")
        self.left -= 1
        name, number = self.waiting.popleft()
        return name, ("answer", Answered(np.array([[float(number)]])))

    def end(self):
        pass


class Numbered:
    items = size = 1

    def __init__(self, number):
        self.number = number


def run(place, model, count):
    shards = [Numbered(i) for i in range(count)]
    return [float(answer.rows[0, 0]) for answer in in_order(place.answers(model, shards, lambda n: None))]


def test_a_cluster_that_is_back_is_joined_again(light, monkeypatch):
    clusters, said = Clusters(monkeypatch, 3, None, None, 100), []
    with RayCluster(1, "head:1", notify=said.append) as place:
        assert run(place, light, 6) == [0, 1, 2, 3, 4, 5]
    assert clusters.asked == [0, 1, 2, 3, 4, 3, 4, 5]
    assert said == ["Ray at head:1: connection lost (its head is gone); waiting up to 10 minutes for it to come back"]


def test_a_cluster_that_is_not_back_is_one_line(light, monkeypatch, one_line):
    Clusters(monkeypatch, 2, None)
    monkeypatch.setattr(ray_cluster, "AWAY", -1.0)
    with RayCluster(1, "head:1") as place, pytest.raises(RunError) as caught:
        run(place, light, 6)
    one_line(caught, "Ray at head:1: connection lost, and not back in", "not there", "the same command again")


def test_a_cluster_that_is_lost_again_and_again_is_one_line(light, monkeypatch, one_line):
    Clusters(monkeypatch, 0)
    with RayCluster(1, "head:1") as place, pytest.raises(RunError) as caught:
        run(place, light, 6)
    one_line(caught, "lost 4 times without an answer in between")


def test_answers_in_between_count(light, monkeypatch):
    Clusters(monkeypatch, 1)
    with RayCluster(1, "head:1") as place:
        assert run(place, light, 9) == list(range(9))


def test_what_an_earlier_caller_did_not_want_is_not_taken_for_an_answer(light, monkeypatch):
    Clusters(monkeypatch, 100)
    with RayCluster(2, "head:1") as place:
        next(place.answers(light, [Numbered(i) for i in range(4)], lambda n: None))
        assert run(place, light, 3) == [0, 1, 2]
