"""An audit that is killed at any moment and given again ends in the bytes of one that was left alone."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from command import one_line, trusteq

from trusteq.work.shard import HERE


@pytest.fixture(scope="session")
def small(onnx, tmp_path_factory):
    """Another graph of the same kind."""
    from oracles import tiny_models

    from trusteq.compress import make

    place = tmp_path_factory.mktemp("small")
    return make(tiny_models.save("bert", place / "bert", seed=2), method="onnx", out=place / "graph").directory


@pytest.fixture(scope="session")
def words(onnx, small, items, tmp_path_factory):
    """The command's words but for where the result goes."""
    folder = tmp_path_factory.mktemp("data")
    rows = {"id": items.ids[:300], "text": items.segments["text"][:300], "label": ["no", "maybe", "yes"] * 100}
    pd.DataFrame(rows).to_csv(folder / "d.csv", index=False)
    return [
        "audit", f"large={onnx}", f"small={small}", "--data", str(folder / "d.csv"), "--text", "text",
        "--label", "label", "--id", "id", "--explain-items", "40", "--resamples", "100", "--no-slices",
        "--costs", "none", "--quiet",
    ]  # fmt: skip


def files(folder):
    """Every file's bytes, but for what tells that finished work was taken up."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    if found.pop("work.json", None) is not None:
        manifest = json.loads(found["manifest.json"])
        assert manifest["files"].pop("work.json")
        found["manifest.json"] = (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()
    return found


@pytest.fixture(scope="session")
def undisturbed(words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    done = trusteq(*words, "--out", "run", cwd=folder)
    assert done.returncode in {0, 1, 3}, done.stderr
    assert [path.name for path in folder.iterdir()] == ["run"]
    return files(folder / "run")


@pytest.mark.slow
def test_killed_five_times_it_ends_in_the_same_bytes(words, undisturbed, tmp_path):
    rng = np.random.default_rng(os.getpid())
    command = [sys.executable, "-m", "trusteq", *words, "--out", "run"]
    kept = killed = 0
    for _ in range(5):
        started = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Not before it has begun, or nothing would be tested; then at any moment.
        while started.poll() is None and len(list(tmp_path.glob("run.work/*.parquet"))) <= kept:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.2))
        started.send_signal(signal.SIGKILL)
        started.wait()
        if (tmp_path / "run").exists():  # what is left may be done before it can be killed
            break
        kept, killed = len(list(tmp_path.glob("run.work/*.parquet"))), killed + 1
    else:
        done = trusteq(*words, "--out", "run", cwd=tmp_path)
        assert done.returncode in {0, 1, 3}, done.stderr
    assert killed
    assert files(tmp_path / "run") == undisturbed
    assert [path.name for path in tmp_path.iterdir() if path.name != "run"] == []


@pytest.mark.slow
def test_a_second_candidate_takes_up_the_references_work(words, undisturbed, onnx, small, tmp_path, monkeypatch):
    assert trusteq(*words, "--out", "first", "--work", "w", cwd=tmp_path).returncode in {0, 1, 3}
    assert files(tmp_path / "first") == undisturbed
    asked, answers = [], HERE.answers

    def watched(self, model, shards, advance):
        asked.extend([model.name] * len(shards))
        return answers(self, model, shards, advance)

    monkeypatch.setattr(type(HERE), "answers", watched)
    renamed = [f"other={small}" if word.startswith("small=") else word for word in words]
    trusteq(*renamed, "--out", "second", "--work", "w", cwd=tmp_path)
    assert asked == []
    again = [f"copy={onnx}" if word.startswith("small=") else word for word in words]
    trusteq(*again, "--allow-same", "--out", "third", "--work", "w", cwd=tmp_path)
    # What was left out to see who misses it depends on who is there; the rest is the reference's own.
    assert len(asked) <= 2
    assert (tmp_path / "w").is_dir()


def test_an_interruption_says_how_to_go_on(words, undisturbed, tmp_path, monkeypatch):
    from trusteq.auditing import compute as _computed

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_computed, "align", stop)
    done = trusteq(*words, "--out", "run", cwd=tmp_path)
    assert done.returncode == 130
    assert "finished work is in run.work; run the same command again to continue" in done.stderr
    monkeypatch.undo()
    trusteq(*words, "--out", "run", cwd=tmp_path)
    assert files(tmp_path / "run") == undisturbed


@pytest.mark.slow
def test_two_at_once_in_one_folder(words, undisturbed, tmp_path):
    command = [sys.executable, "-m", "trusteq", *words, "--work", "w", "--out"]
    both = [subprocess.Popen([*command, out], cwd=tmp_path, stdout=subprocess.DEVNULL) for out in ("a", "b")]
    assert [p.wait() in {0, 1, 3} for p in both] == [True, True]
    assert files(tmp_path / "a") == files(tmp_path / "b") == undisturbed


@pytest.mark.slow
def test_with_two_workers(words, undisturbed, tmp_path):
    trusteq(*words, "--workers", "2", "--deadline", "300", "--out", "run", cwd=tmp_path)
    assert files(tmp_path / "run") == undisturbed


@pytest.mark.parametrize("work", ["run", "run/w", "./run/a/b"])
def test_work_in_the_run_directory_is_refused_at_once(work, words, tmp_path):
    one_line(trusteq(*words, "--work", work, "--out", "run", cwd=tmp_path), f"--work {work}", "another folder")
    assert list(tmp_path.iterdir()) == []


def test_work_that_cannot_be_kept_is_told_before_hours_are_lost(words, tmp_path):
    (tmp_path / "file").touch()
    one_line(trusteq(*words, "--work", "file/w", "--out", "run", cwd=tmp_path), "file/w", "cannot be written", "--work")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
