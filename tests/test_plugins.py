"""A package that adds one of each: it is installed, and shows wherever trusteq's own do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import trusteq
from trusteq.data.segment import KINDS

PACKAGE = Path(__file__).parent / "plugin_package"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Where the package is installed, by pip as anybody would."""
    target = tmp_path_factory.mktemp("installed")
    how = ["--no-deps", "--no-build-isolation", "--no-index", "--no-compile", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "install", *how, "--target", target, PACKAGE], check=True)
    return target


def run(*words, path, folder):
    """What the command line does where packages of that path are installed."""
    source = Path(trusteq.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*path, source)))}
    command = [sys.executable, "-W", "error", "-m", "trusteq", *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def audited(installed, tmp_path_factory):
    """A folder with a finished audit of two of the package's models on items of its kind of file."""
    folder = tmp_path_factory.mktemp("audited")
    rng = np.random.default_rng(0)
    words = ["good", "fine", "bad", "poor", "film", "actor", "the", "was", "a"]
    texts = [" ".join(rng.choice(words, 8)) for _ in range(120)]
    labels = ["good" if rng.random() < 0.5 else "bad" for _ in texts]
    (folder / "items.lines").write_text("".join(f"{a}: {b}\n" for a, b in zip(labels, texts, strict=True)))
    for name, weight in (("large", 2.0), ("small", 1.9)):
        (folder / f"{name}.words").write_text(str(weight))
    asked = ["--data", "items.lines", "--text", "text", "--label", "label", "--sharpness", 2, "--out", "run"]
    done = run(
        "audit", "large.words", "small.words", *asked, "--quiet", "--resamples", 200, path=[installed], folder=folder
    )
    assert (done.returncode, done.stderr) == (3, "run directory: run\n")
    rules = "rules: {behaviour: {sure_mistakes: {at_most: 0.0001}}}"
    (folder / "policy.yaml").write_text(f"name: sure\nrequired: [behaviour]\n{rules}\n")
    return folder


@pytest.mark.slow
def test_its_models_options_and_readers_are_taken_up(audited, installed):
    manifest = json.loads((audited / "run" / "manifest.json").read_text())
    assert [model["kind"] for model in manifest["models"]] == ["word list"] * 2
    assert [model["details"]["sharpness"] for model in manifest["models"]] == [2, 2]
    assert manifest["data"]["source"].endswith("items.lines")
    assert manifest["versions"]["trusteq-word-lists"] == "0.3.0"
    assert "--sharpness N" in run("audit", "--help", path=[installed], folder=audited).stdout
    done = run("audit", "large.words", "small.words", "--data", "items.lines", path=[installed], folder=audited)
    assert "model large.words reads texts; name their columns with --text" in done.stderr


@pytest.mark.slow
def test_its_figure_is_listed_drawn_and_on_the_page(audited, installed):
    assert "agreement-bar" in run("figure", "run", "--list", path=[installed], folder=audited).stdout
    done = run("figure", "run", "agreement-bar", "--out", "bar.svg", path=[installed], folder=audited)
    assert (done.returncode, (audited / "bar.svg").exists()) == (0, True)
    assert run("report", "run", "--out", "page.html", path=[installed], folder=audited).returncode == 0
    page = (audited / "page.html").read_text()
    assert "More figures" in page
    assert "How many answers agree." in page


@pytest.mark.slow
def test_its_measure_is_measured_judged_and_verified(audited, installed):
    done = run("gate", "run", "--policy", "policy.yaml", path=[installed], folder=audited)
    assert (done.returncode, "sure mistakes" in done.stdout) == (1, True)
    assert "sure_mistakes" in run("policy", "measures", path=[installed], folder=audited).stdout
    assert run("verify", "run", path=[installed], folder=audited).returncode == 0
    page = run("report", "run", "--out", "with.html", path=[installed], folder=audited)
    assert (page.returncode, "sure mistakes" in (audited / "with.html").read_text()) == (0, True)


@pytest.mark.slow
def test_its_task_is_asked_of_its_models(audited, installed):
    for name, weight in (("large", 2.0), ("small", 1.9)):
        (audited / f"{name}.ballots").write_text(str(weight))
    options = ["--data", "items.lines", "--text", "text", "--label", "label", "--out", "voted", "--resamples", 200]
    done = run("audit", "large.ballots", "small.ballots", *options, path=[installed], folder=audited)
    assert done.returncode in {0, 1, 3}, done.stderr
    document = json.loads((audited / "voted" / "audit.json").read_text())
    assert document["settings"]["task"] == "votes"
    assert run("verify", "voted", path=[installed], folder=audited).returncode == 0
    done = run("show", "voted", path=[], folder=audited)
    assert (done.returncode, "a run of the task 'votes', which this trusteq does not know" in done.stderr) == (2, True)


@pytest.mark.slow
def test_its_units_are_explained(audited, installed):
    options = ["--data", "items.lines", "--text", "text", "--units", "halves", "--out", "halved", "--resamples", 200]
    done = run("audit", "large.words", "small.words", *options, path=[installed], folder=audited)
    assert done.returncode in {0, 1, 3}, done.stderr
    document = json.loads((audited / "halved" / "audit.json").read_text())
    assert document["explanation"]["units"] == {"mean": 2.0, "most": 2}
    assert run("verify", "halved", path=[installed], folder=audited).returncode == 0


@pytest.mark.slow
def test_its_kind_of_segment_is_known(audited, installed):
    script = "from trusteq.data.segment import kinds; print(*kinds())"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(installed), str(Path(trusteq.__file__).parents[1])]),
    }
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [*KINDS, "colour"]


@pytest.mark.slow
def test_without_it_the_run_is_still_read_and_judged_but_not_recomputed(audited):
    assert "small.words" in run("show", "run", path=[], folder=audited).stdout
    done = run("gate", "run", "--policy", "policy.yaml", path=[], folder=audited)
    assert (done.returncode, "sure mistakes" in done.stdout) == (1, True)
    assert run("report", "run", "--out", "without.html", path=[], folder=audited).returncode == 0
    done = run("verify", "run", path=[], folder=audited)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert (
        "measure 'sure_mistakes' is not part of trusteq, and its code is not installed; install the package"
        in done.stderr
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "value", "said"),
    [
        (
            "models",
            "missing_module:MODEL",
            "cannot be imported (ModuleNotFoundError: No module named 'missing_module')",
        ),
        ("models", "json:MISSING", "cannot be imported (AttributeError: module 'json' has no attribute 'MISSING')"),
        ("models", "json:__name__", "is str 'json', where a Backend is expected"),
        ("readers", "json:__name__", "is str 'json', where a function is expected"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, group, value, said):
    add(tmp_path, "broken", f"[trusteq.{group}]\nodd = {value}\n")
    (tmp_path / "a.csv").write_text("id,a,b\n1,0.5,0.5\n")
    done = run("audit", "a.csv", "a.csv", path=[tmp_path], folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: plugin broken 1.0: trusteq.{group} 'odd' {said}")
    assert done.stderr.count("\n") == 1


def test_a_name_that_is_in_use_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("id,a,b\n1,0.5,0.5\n")
    add(tmp_path, "greedy", "[trusteq.readers]\n.csv = json:loads\n")
    done = run("audit", "a.csv", "a.csv", path=[tmp_path], folder=tmp_path)
    assert done.stderr == (
        "error: plugin greedy 1.0: trusteq.readers '.csv' has a name that trusteq itself uses; "
        "the package must rename it\n"
    )
    other = tmp_path / "other"
    for name in ("one", "two"):
        add(other, name, "[trusteq.readers]\n.lines = json:loads\n")
    done = run("audit", "a.csv", "a.csv", path=[other], folder=tmp_path)
    assert "trusteq.readers '.lines' is also added by one 1.0; uninstall one" in done.stderr


def add(folder, name, entry_points):
    """A package that is installed and declares these entry points."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(entry_points)
