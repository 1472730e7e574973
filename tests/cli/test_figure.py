"""``trusteq figure`` as a user meets it."""

import io
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

import pytest
from cases import case

import trusteq
from trusteq.cli.main import main


def figure(*arguments):
    """What the command prints and returns, run in this process."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    words = ["trusteq", "figure", *map(str, arguments)]
    with redirect_stdout(out), redirect_stderr(err), patch("sys.argv", words):
        try:
            main()
        except SystemExit as left:
            code = left.code
    return subprocess.CompletedProcess(arguments, int(code or 0), out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of predictions with two candidates."""
    large, small, items = case(100, noise=1.0)
    tiny = type(small)("tiny", {i: p[::-1] for i, p in small.answers.items()})
    result = trusteq.audit(large, {"small": small, "tiny": tiny}, items, resamples=100, with_slices=False)
    return result.save(tmp_path_factory.mktemp("figure") / "run")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_it_writes_the_figure_and_says_where(run, tmp_path, kind, start):
    path = tmp_path / f"f.{kind}"
    done = figure(run, "reliability", "--candidate", "small", "--out", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}\n", "")
    assert path.read_bytes().startswith(start)


def test_twice_gives_the_same_bytes_over_the_old_ones(run, tmp_path):
    path = tmp_path / "f.svg"
    figure(run, "intervals", "--out", path)
    first = path.read_bytes()
    path.write_text("old")
    figure(run, "intervals", "--out", path)
    assert path.read_bytes() == first
    figure(run, "intervals", "--candidate", "tiny", "--out", path)
    assert path.read_bytes() != first


def test_a_run_tells_which_figures_it_has(run):
    done = figure(run, "--list")
    assert done.returncode == 0
    there, missing = done.stdout.split("candidates: small, tiny\n")
    names = [line.split()[0] for line in there.splitlines()[1:] if line]
    assert names == ["intervals", "reliability", "confidence", "flips", "pairs", "risk-coverage"] or "pareto" in names
    assert "not in this run: words, which needs explanations" in missing


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["relability", "--out", "f.pdf"], "no figure 'relability'; did you mean reliability?"),
        (["flips", "--out", "f.pdf"], "flips shows one candidate; choose from small, tiny"),
        (["flips", "--candidate", "smal", "--out", "f.pdf"], "no candidate 'smal'; did you mean small?"),
        (["pairs", "--candidate", "small", "--out", "f.pdf"], "pairs shows all models; remove candidate"),
        (["words", "--candidate", "small", "--out", "f.pdf"], "has no figure words, which needs explanations"),
        (["flips"], "name the file to write, e.g. --out flips.pdf"),
        (["flips", "--candidate", "small", "--out", "f.jpg"], "f.jpg: a figure must be .pdf, .svg or .png"),
        ([], "name a figure: intervals, reliability"),
        (["flips", "--list", "--candidate", "small"], "remove NAME and --candidate"),
        (["flips", "--candidate", "small", "--out", "nowhere/f.pdf"], "nowhere"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(run, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    done = figure(run, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_run_is_one_line(tmp_path):
    done = figure(tmp_path, "flips", "--out", "f.pdf")
    assert done.returncode == 2
    assert "not a run directory" in done.stderr
