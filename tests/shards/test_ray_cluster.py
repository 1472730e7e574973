"""Work shared out on Ray: the same bytes, and an actor that dies."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("ray", reason="needs the extra 'ray'")

from wayward_shards import Told

from trusteq import LabelError, ModelError, OptionError, RunError, executor
from trusteq.work.ray_cluster import RayCluster
from trusteq.work.shard import HERE, in_order, predict_at


class Unknown:
    __module__ = "only_here"
    items = size = 1


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def scratch(monkeypatch):
    with TemporaryDirectory(dir="/tmp") as folder:  # Ray's sockets need a short path
        monkeypatch.setenv("RAY_TMPDIR", folder)
        yield Path(folder)


@pytest.mark.slow
def test_on_this_machine(light, items, tmp_path, wayward, one_line, home, scratch, monkeypatch):
    """One cluster for all, since it takes seconds to start; nothing of it stays."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tokenizers.py").write_text("raise SystemExit('a file in the working directory is no library')")
    with executor(workers=2, ray=True) as place:
        group = place._link._process.pid
        assert len(list(scratch.iterdir())) == 1
        told = []
        assert np.array_equal(
            predict_at(place, light, items, advance=told.append).values, predict_at(HERE, light, items).values
        )
        assert sum(told) == 600

        def run(*shards):
            return [float(a.rows[0, 0]) for a in in_order(place.answers(light, shards, lambda n: None))]

        assert run(*(Told(i, str(tmp_path), "dies once" if i == 2 else "answers") for i in range(5))) == [0, 1, 2, 3, 4]
        with pytest.raises(LabelError, match="these labels do not fit"):
            run(Told(10, str(tmp_path), "refuses"))
        with pytest.raises(ModelError) as caught:
            run(Told(11, str(tmp_path), "dies"))
        one_line(caught, "model tiny", "died 3 times")
        # Not waited for for ever: a shard that only this process can read.
        monkeypatch.setitem(sys.modules, "only_here", SimpleNamespace(Unknown=Unknown))
        with pytest.raises(RunError) as caught:
            run(Unknown())
        one_line(caught, "Ray at this machine: a request cannot be read: No module named 'only_here'")
    assert list(scratch.iterdir()) == []
    assert list(home.iterdir()) == []
    until_gone(group)


def until_gone(group):
    """Wait until the last process of a group has ended."""
    with suppress(ProcessLookupError):
        for _ in range(600):
            os.killpg(group, 0)
            time.sleep(0.05)
        pytest.fail("processes are left")


@pytest.mark.slow
@pytest.mark.long
def test_a_cluster_on_this_machine_ends_with_the_one_who_started_it(scratch):
    code = (
        "import time\nfrom trusteq.work.executor import executor\n"
        "with executor(ray=True) as place:\n"
        "    print(place._link._process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    group = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until_gone(group)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("asked", [{"count": 0}, {"count": 1, "gpus": -1}, {"count": 1, "address": ""}])
def test_what_is_no_place(asked):
    with pytest.raises(OptionError):
        RayCluster(**asked)


@pytest.mark.parametrize("asked", [{"ray": True, "deadline": 3}, {"gpus": 1}, {"ray": ""}])
def test_options_without_effect_are_refused(asked):
    with pytest.raises(OptionError), executor(**asked):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "auto"])
def test_a_cluster_that_is_not_there_is_one_line_at_once(address, one_line, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")  # which auto means then, whatever else runs here
    with pytest.raises(RunError) as caught, executor(ray=address):
        pass
    one_line(caught, f"Ray at {address}", "is the address right")
