"""Links that somebody left where a command writes: nothing follows one out of the folder it writes in."""

import os
import sys

import numpy as np
import pandas as pd
import pytest
from command import one_line, trusteq
from finished_runs import equivalent

from trusteq.data.atomic_file import write_atomically
from trusteq.work.folder import LocalFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="not everybody may make links there")

SECRET = "somebody's own"


@pytest.fixture
def place(tmp_path):
    """A run, predictions to audit, and a victim beside them; what a command may write to is in ``here``."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "kept").write_text(SECRET)
    here = tmp_path / "here"
    here.mkdir()
    equivalent().save(here / "run")
    rng = np.random.default_rng(0)
    for name in ("large", "small"):
        p = rng.uniform(0.05, 0.95, 50)
        pd.DataFrame({"id": range(50), "no": p, "yes": 1 - p}).to_csv(here / f"{name}.csv", index=False)
    return here


def unharmed(place):
    victim = place.parent / "victim"
    assert [path.name for path in victim.iterdir()] == ["kept"]
    assert (victim / "kept").read_text() == SECRET


@pytest.mark.parametrize("form", ["html", "junit"])
def test_a_report(form, place):
    """``report`` writes into the run by itself, and a run may be a stranger's."""
    (place / "run" / "report.html").symlink_to("../../victim/kept")
    done = trusteq("report", "run", "--as", form, "--out", "run/report.html", cwd=place)
    one_line(done, "run/report.html: a link that leads out of run, to ", "victim/kept", "choose another --out")
    unharmed(place)


def test_the_page_of_a_run_by_itself(place):
    (place / "run" / "report.html").symlink_to(place.parent / "victim" / "kept")
    one_line(trusteq("report", "run", cwd=place), "report.html: a link that leads out")
    unharmed(place)


def test_a_link_to_a_file_that_does_not_exist_yet(place):
    (place / "run" / "report.html").symlink_to("../../victim/new")
    one_line(trusteq("report", "run", cwd=place), "report.html: a link that leads out")
    unharmed(place)


def test_a_figure(place):
    (place / "figure.svg").symlink_to("../victim/kept")
    one_line(trusteq("figure", "run", "intervals", "--out", "figure.svg", cwd=place), "figure.svg: a link")
    unharmed(place)


def test_a_link_within_the_folder_is_followed(tmp_path):
    (tmp_path / "page.html").symlink_to("real.html")
    write_atomically(tmp_path / "page.html", "x")
    assert (tmp_path / "real.html").read_text() == "x"
    assert (tmp_path / "page.html").is_symlink()


def test_a_folder_that_the_user_names_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "reports").symlink_to("real", target_is_directory=True)
    write_atomically(tmp_path / "reports" / "page.html", "x")
    assert (tmp_path / "real" / "page.html").read_text() == "x"


def test_a_hard_link_keeps_its_other_name(place):
    (place / "run" / "report.html").hardlink_to(place.parent / "victim" / "kept")
    write_atomically(place / "run" / "report.html", "x")
    unharmed(place)


def test_a_run_directory(place):
    (place / "out").symlink_to("../victim", target_is_directory=True)
    done = trusteq("audit", "large.csv", "small.csv", "--out", "out", "--dimensions", "behaviour", cwd=place)
    one_line(done, "out: is a symbolic link")
    unharmed(place)


def test_the_finished_work_of_a_run(place):
    (place / "out.work").symlink_to("../victim", target_is_directory=True)
    done = trusteq("audit", "large.csv", "small.csv", "--out", "out", "--quiet", cwd=place)
    one_line(done, "out.work: is a symbolic link")
    unharmed(place)


def test_a_shard_that_is_a_link_is_replaced_and_never_written_through(place):
    work = place / "work"
    work.mkdir()
    (work / "shard").symlink_to("../../victim/kept")
    LocalFolder(work).write("shard", b"new")
    assert (work / "shard").read_bytes() == b"new"
    assert not (work / "shard").is_symlink()
    unharmed(place)


@pytest.mark.parametrize("what", ["a pipe", "/dev/zero", "a folder"])
def test_a_shard_that_is_no_file_is_none(what, tmp_path):
    """Reading one would not end."""
    shard = tmp_path / "shard"
    if what == "a pipe":
        os.mkfifo(shard)
    elif what == "a folder":
        shard.mkdir()
    else:
        shard.symlink_to(what)
    assert LocalFolder(tmp_path).read("shard") is None


def test_a_study(place):
    (place / "study" / "deeper").mkdir(parents=True)
    (place / "study" / "deeper" / "models").symlink_to("../../../victim", target_is_directory=True)
    done = trusteq("study", "mini-nli", "--data", ".", "--out", "study", "--quiet", cwd=place)
    one_line(done, "study/deeper/models: a link that leads out of study")
    unharmed(place)


@pytest.fixture
def base(tmp_path):
    pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    from oracles import tiny_models

    return tiny_models.save("bert", tmp_path / "base")


@pytest.fixture
def lessons(place):
    rows = [("the man was good", "yes"), ("the dog was bad", "no")] * 8
    pd.DataFrame(rows, columns=["text", "gold"]).to_csv(place / "lessons.csv", index=False)
    return ("--data", "lessons.csv", "--text", "text", "--label", "gold")


@pytest.mark.parametrize("link", [".m.training", ".m.training/made", ".m.training/state.safetensors.part"])
def test_training(link, base, lessons, place):
    (place / link).parent.mkdir(exist_ok=True)
    (place / link).symlink_to(place.parent / "victim" / ("kept" if link.endswith(".part") else ""))
    done = trusteq("train", base, *lessons, "--epochs", "1", "--out", "m", "--quiet", cwd=place)
    one_line(done, link, "link")
    unharmed(place)


def test_a_candidate_that_is_trained(base, lessons, place):
    (place / ".m.training").symlink_to("../victim", target_is_directory=True)
    done = trusteq("compress", base, "--method", "distil", *lessons, "--out", "m", "--quiet", cwd=place)
    one_line(done, ".m.training: is a symbolic link")
    unharmed(place)
