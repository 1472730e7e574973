"""``trusteq study``: what it prints, its exit codes, its one-line errors."""

import command
import pytest

from trusteq.study.run import Finished
from trusteq.study.sources import text_of


def run(*arguments):
    """The command's exit code, stdout and stderr."""
    done = command.trusteq("study", *arguments)
    return done.returncode, done.stdout, done.stderr


def test_it_shows_a_study_to_start_from():
    assert run("mini-nli", "--show") == (0, text_of("mini-nli")[0], "")


def test_it_passes_everything_on_and_prints_the_tables(tmp_path, monkeypatch):
    asked = {}

    def study(plan, **how):
        asked.update(how, name=plan.name)
        return Finished(tmp_path, (0,), "the tables\n", "the LaTeX\n")

    monkeypatch.setattr("trusteq.study.run.run_study", study)
    code, out, err = run("mini-pi", "--data", str(tmp_path), "--seeds", "0,2", "--anyway", "--quiet")
    assert (code, out, err) == (0, "the tables\n", "")
    assert (asked["name"], asked["seeds"], asked["anyway"], asked["download"]) == ("mini-pi", (0, 2), True, False)
    assert str(asked["out"]) == "mini-pi"
    assert run("mini-pi", "--data", str(tmp_path), "--quiet", "--as", "latex") == (0, "the LaTeX\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.yaml",), "mini-nli"),
        (("mini-nli", "--seeds", "one"), "give whole numbers"),
        (("mini-nli", "--data", "nowhere"), "name the folder that holds the study's items with --data"),
    ],
)
def test_mistakes_are_one_line(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_interrupted_it_says_how_to_go_on(tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("trusteq.study.run.run_study", stop)
    code, _, err = run("mini-nli", "--data", str(tmp_path))
    assert code == 130
    assert "run the same command again to continue" in err
