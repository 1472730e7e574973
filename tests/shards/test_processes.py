"""Work shared out to processes: the same bytes, and what happens when one of them dies, hangs or refuses."""

import itertools
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from wayward_shards import Slow, Told

from trusteq import LabelError, ModelError, OptionError, executor
from trusteq.explain.units import cut_named
from trusteq.explain.value_tables import Question, value_tables
from trusteq.models.traits import Traits
from trusteq.work import processes
from trusteq.work.processes import ATTEMPTS, Processes
from trusteq.work.shard import HERE, in_order, predict_at


def asked(folder, number):
    return (folder / f"asked-{number}").read_text("utf-8").splitlines()


def run(place, model, shards):
    return [float(answer.rows[0, 0]) for answer in in_order(place.answers(model, shards, lambda n: None))]


@pytest.mark.parametrize("kind", [pytest.param("model", marks=pytest.mark.slow), "light"])
def test_two_processes_give_the_bytes_of_one(kind, items, request):
    model = request.getfixturevalue(kind)
    cut = cut_named("words").of
    questions = [Question(cut((text,)), masks_of(len(cut((text,))))) for text in items.segments["text"][:30]]
    expected = predict_at(HERE, model, items).values, value_tables(model, questions)
    with executor(workers=2) as place:
        told = []
        assert np.array_equal(predict_at(place, model, items, advance=told.append).values, expected[0])
        assert sum(told) == 600
        found = value_tables(model, questions, executor=place)
    assert all(np.array_equal(a, b) for a, b in zip(found, expected[1], strict=True))


def masks_of(units):
    masks = np.random.default_rng(units).random((40, units)) < 0.5
    masks[0] = True
    return masks


def test_a_clock_that_jumps_is_not_looked_at(light, items, monkeypatch):
    """Deadlines are counted on a clock that nobody sets."""
    jumps, real = itertools.cycle((0.0, 1e9, -1e9, 86_400.0)), time.time
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    with Processes(1, deadline=120) as place:
        assert np.array_equal(predict_at(place, light, items).values, predict_at(HERE, light, items).values)


@pytest.mark.slow
def test_faults_are_survived_or_told(light, tmp_path, wayward, one_line):
    """One place for all of them, since a process takes seconds to start."""
    with Processes(2) as place:
        shards = [Told(i, str(tmp_path), "dies once" if i in (1, 4) else "answers") for i in range(6)]
        assert run(place, light, shards) == [0, 1, 2, 3, 4, 5]
        assert [len(asked(tmp_path, i)) for i in range(6)] == [1, 2, 1, 1, 2, 1]

        with pytest.raises(LabelError, match="these labels do not fit"):
            run(place, light, [Told(10, str(tmp_path), "refuses")])
        with pytest.raises(ModelError) as caught:
            run(place, light, [Told(11, str(tmp_path), "fails")])
        one_line(caught, "model tiny", "failed while answering", "nothing to share")
        with pytest.raises(ModelError) as caught:
            run(place, light, [Told(13, str(tmp_path), "wants too much memory")])
        one_line(caught, "model tiny", "failed while answering", "Unable to allocate")

        with pytest.raises(ModelError) as caught:
            run(place, light, [Told(12, str(tmp_path), "dies")])
        one_line(caught, "model tiny", "was killed by signal 9", "fewer --workers")
        assert len(asked(tmp_path, 12)) == ATTEMPTS
        assert place._workers == []


def test_one_that_hangs_is_ended(light, tmp_path, wayward, one_line):
    with Processes(1, deadline=15) as place:
        place.deadline = 1e9
        assert run(place, light, [Told(0, str(tmp_path))]) == [0]
        place.deadline = 0.5
        with pytest.raises(ModelError) as caught:
            run(place, light, [Told(1, str(tmp_path), "hangs")])
        one_line(caught, "had not answered its items after 0.5 s", "--deadline")
        assert place._workers == []


@pytest.mark.slow
def test_a_deadline_does_not_count_how_long_a_worker_takes_to_start(light, tmp_path, wayward, one_line, monkeypatch):
    monkeypatch.setattr(processes, "traits_of", lambda model: Traits(opening=lambda: Slow(1.0)))
    with Processes(1, deadline=0.5) as place:
        assert run(place, light, [Told(0, str(tmp_path)), Told(1, str(tmp_path))]) == [0, 1]
        with pytest.raises(ModelError) as caught:
            run(place, light, [Told(2, str(tmp_path), "hangs")])
        one_line(caught, "had not answered its items after 0.5 s", "--deadline")


def test_one_that_never_opens_its_model_is_ended(light, tmp_path, wayward, one_line, monkeypatch):
    monkeypatch.setattr(processes, "traits_of", lambda model: Traits(opening=lambda: Slow(60.0)))
    monkeypatch.setattr(processes, "OPENING", 0.5)
    with Processes(1, deadline=0.1) as place:
        with pytest.raises(ModelError) as caught:
            run(place, light, [Told(0, str(tmp_path))])
        one_line(caught, "had not opened its model after 0.5 s", "--deadline")
        assert place._workers == []


@pytest.mark.slow
def test_workers_end_with_the_one_who_started_them(onnx, tmp_path, wayward):
    """However that ends, and whatever they are at."""
    code = (
        "import sys, os\nfrom wayward_shards import Told\nfrom trusteq.models.open import open_model\n"
        "from trusteq.work.processes import Processes\n"
        "place = Processes(1)\n"
        f"list(place.answers(open_model({str(onnx)!r}, name='m'), [Told(0, {str(tmp_path)!r}, 'hangs')], print))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    while not (tmp_path / "asked-0").exists() or not asked(tmp_path, 0):
        assert parent.poll() is None
        time.sleep(0.05)
    parent.terminate()
    parent.wait()
    worker = int(asked(tmp_path, 0)[0])
    until = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()


@pytest.mark.parametrize(("count", "deadline"), [(0, None), (-1, None), (1, 0.0), (1, float("nan")), (1, float("inf"))])
def test_what_is_no_place(count, deadline):
    with pytest.raises(OptionError):
        Processes(count, deadline)
