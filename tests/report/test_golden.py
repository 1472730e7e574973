"""What machines read of a small run, as it was when somebody last looked at it.

``python tests/finished_runs.py`` writes the files anew; look at what changed in them.
"""

import json

import pytest
from finished_runs import GOLDEN, explained, golden_files

from trusteq import load_run
from trusteq.record.evidence import evidence
from trusteq.record.saving import save
from trusteq.report.junit import junit
from trusteq.report.latex import latex
from trusteq.report.markdown import markdown
from trusteq.report.model_card import model_card

WIDENED = "; no narrower than of independent items"


@pytest.fixture(scope="module")
def made():
    return golden_files()


def test_every_golden_file_is_tested(made):
    assert {path.name for path in GOLDEN.iterdir()} == set(made)


@pytest.mark.parametrize(
    "name", ["junit.xml", "markdown.md", "model-card.md", "latex.tex", "latex-protocol.tex", "item.txt"]
)
def test_it_is_as_it_was(made, name):
    assert made[name] == (GOLDEN / name).read_text("utf-8")


def near(now, then, path=()):
    """The same structure and texts; figures to nine digits, for processors round the last ones differently."""
    assert type(now) is type(then) or {type(now), type(then)} == {int, float}, path
    if isinstance(now, dict):
        assert list(now) == list(then), path
        for key in now:
            near(now[key], then[key], (*path, key))
    elif isinstance(now, list):
        assert len(now) == len(then), path
        for number, (a, b) in enumerate(zip(now, then, strict=True)):
            near(a, b, (*path, number))
    elif isinstance(now, float):
        assert now == pytest.approx(then, rel=1e-9, abs=1e-9), path
    elif path[-1:] == ("method",):  # which of two ends is the wider may depend on their last digit
        assert now.removesuffix(WIDENED) == then.removesuffix(WIDENED), path
    else:
        assert now == then, path


def test_audit_json_is_as_it_was(made):
    near(json.loads(made["audit.json"]), json.loads((GOLDEN / "audit.json").read_text("utf-8")))


@pytest.mark.parametrize("form", [junit, markdown, model_card, latex])
def test_a_finished_run_gives_the_same_bytes_as_the_audit_in_memory(form, tmp_path):
    run = evidence(load_run(save(explained(), tmp_path / "run")))
    assert form(run) == form(explained().evidence)
