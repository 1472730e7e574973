"""A pickled estimator is not opened by the command line, whose error is a line of Python that audits it."""

import shlex
from pathlib import Path

import joblib
import pytest
from command import one_line, trusteq

import trusteq as library

AUDIT = ("audit", "large.pkl", "small=models/it's small.joblib", "--data", "table.csv")


def program(done):
    """The program of the line that the error says."""
    command = done.stderr[done.stderr.index("python -c ") :]
    python, flag, code = shlex.split(command)
    assert (python, flag) == ("python", "-c")
    return code


def asked(code, monkeypatch, folder):
    """The arguments of the audit that a program asks for, whose result it prints."""
    calls = []
    monkeypatch.setattr(library, "audit", lambda *models, **options: calls.append((*models, options)))
    monkeypatch.chdir(folder)
    exec(code, {})  # noqa: S102
    return calls


@pytest.fixture
def pickled(tmp_path):
    (tmp_path / "models").mkdir()
    joblib.dump("the large model", tmp_path / "large.pkl")
    joblib.dump("the small model", tmp_path / "models" / "it's small.joblib")
    (tmp_path / "table.csv").write_text("a,label\n1,no\n2,yes\n")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        ((), {"columns": "all"}),
        (("--label", "gold label", "--quiet"), {"columns": "all", "label": "gold label"}),
        (
            ("--columns", "age,zip", "--id", "n", "--categories", "zip"),
            {"columns": ["age", "zip"], "id": "n", "categories": ["zip"]},
        ),
        (
            ("--no-explain", "--dimensions", "behaviour,calibration", "--policy", "default"),
            {"columns": "all", "policy": "default", "dimensions": ["behaviour", "calibration"], "explain": False},
        ),
    ],
)
def test_the_line_asks_for_the_same_audit(pickled, options, keywords, monkeypatch):
    done = trusteq(*AUDIT, *options, cwd=pickled)
    one_line(done, "large.pkl is a pickle file, which could execute code", "If you trust it, open it yourself")
    ((reference, candidates, items, given),) = asked(program(done), monkeypatch, pickled)
    assert (reference, candidates) == ("the large model", {"small": "the small model"})
    assert (items, given) == ("table.csv", keywords)


def test_models_of_other_kinds_are_opened_by_trusteq(pickled, monkeypatch):
    (pickled / "small.onnx").write_bytes(b"")
    done = trusteq("audit", "large.pkl", "small.onnx", "--data", "table.csv", cwd=pickled)
    monkeypatch.setattr(library, "open_model", lambda path: f"opened {path}")
    ((_, candidates, *_),) = asked(program(done), monkeypatch, pickled)
    assert candidates == {"small": "opened small.onnx"}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(("--seed", "3"), id="an option that it would leave out"),
        pytest.param(("other.pt",), id="a pickle of another kind"),
        pytest.param((f"{'long/' * 120}model.pkl",), id="a line too long to be told"),
    ],
)
def test_what_the_line_could_not_say_is_not_half_said(pickled, more):
    done = trusteq(*AUDIT, *more, cwd=pickled)
    one_line(done, "is a pickle file, which could execute code when opened")
    assert "python -c" not in done.stderr


def test_nothing_is_opened_or_written(pickled):
    before = sorted(pickled.rglob("*"))
    assert trusteq(*AUDIT, cwd=pickled).returncode == 2
    assert sorted(Path(pickled).rglob("*")) == before
