"""A Ray cluster of several nodes, to which things happen: every shard is answered all the same, with the same bytes."""

import shutil
import sys
import time
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

pytest.importorskip("ray", reason="needs the extra 'ray'")

from wayward_shards import Threads, Told

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
from ray_nodes import RayNodes

from trusteq import ModelError, executor, open_model
from trusteq.work.shard import HERE, in_order, predict_at


@pytest.fixture
def nodes(monkeypatch, wayward):
    """A cluster with threads of its own, and two seconds for a head that is lost, which usually has a minute."""
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "2")
    with RayNodes({"OMP_NUM_THREADS": "7"}) as cluster:
        yield cluster


def asked(folder, number):
    file = folder / f"asked-{number}"
    return file.read_text("utf-8").splitlines() if file.exists() else []


def once_asked(folder, number, *do):
    """Let that happen as soon as a shard is being asked."""

    def wait():
        while not asked(folder, number):
            time.sleep(0.02)
        for happen in do:
            happen()

    thread = Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.mark.slow
@pytest.mark.long
def test_what_happens_to_a_cluster(light, onnx, items, tmp_path, nodes, one_line):
    """One cluster and one executor for all, since each takes seconds to start."""
    said = []
    first = nodes.add()
    with executor(workers=2, ray=nodes.address, say=said.append) as place:

        def run(*shards):
            return [float(a.rows[0, 0]) for a in in_order(place.answers(light, shards, lambda n: None))]

        # More actors than there is room for: those that have started do the work.
        assert run(*(Told(i, str(tmp_path)) for i in range(6))) == [0, 1, 2, 3, 4, 5]

        # The nodes' own number of threads is not the audit's.
        assert run(Threads()) == [place.threads] == [1]

        # A node is added: it is used. The other is killed in mid-shard: that is done again, what was behind it as well.
        second = []
        added = once_asked(tmp_path, 10, lambda: second.append(nodes.add()))
        killed = once_asked(tmp_path, 15, lambda: nodes.kill(first))
        shards = [Told(i, str(tmp_path), "hangs once" if i == 10 else "answers") for i in range(10, 16)]
        assert run(*shards) == [10, 11, 12, 13, 14, 15]
        added.join()
        killed.join()
        here, there = asked(tmp_path, 10)
        assert here in asked(tmp_path, 0)
        assert asked(tmp_path, 15) == [there]

        # The head is lost in mid-shard, and another knows of nothing.
        assert said == []
        lost = once_asked(tmp_path, 20, nodes.kill_head, nodes.start_head, nodes.add)
        shards = [Told(i, str(tmp_path), "hangs once" if i == 20 else "answers") for i in range(20, 24)]
        assert run(*shards) == [20, 21, 22, 23]
        lost.join()
        assert "lost" in said[0]
        assert np.array_equal(predict_at(place, light, items).values, predict_at(HERE, light, items).values)

        # A node has no such model.
        moved = open_model(shutil.copytree(onnx, tmp_path / "moved"), name="moved")
        shutil.rmtree(tmp_path / "moved")
        with pytest.raises(ModelError) as caught:
            predict_at(place, moved, items)
        one_line(caught, "moved", "on the node")
