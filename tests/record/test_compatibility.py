"""Runs that an earlier version wrote open, are judged and shown as then. More are added here; none is written anew."""

import json
import shutil
from pathlib import Path

import pytest
from command import one_line, trusteq

from trusteq import load_run
from trusteq.record.run import rejudge

STORED = sorted((Path(__file__).parent / "golden").iterdir())


@pytest.fixture(params=STORED, ids=lambda path: path.name)
def run(request, tmp_path):
    return Path(shutil.copytree(request.param, tmp_path / "run"))


def test_it_is_judged_as_then(run):
    stored = load_run(run)
    judged = rejudge(stored, stored.policy)
    for candidate in stored.audit["candidates"]:
        assert judged[candidate["name"]].outcome.value == candidate["verdict"]["outcome"]


@pytest.mark.parametrize(
    "form", [pytest.param("html", marks=pytest.mark.slow), "markdown", "junit", "latex", "model-card"]
)
def test_it_is_reported(run, form):
    done = trusteq("report", run, "--as", form, "--out", run.parent / "report")
    assert (done.returncode, (run.parent / "report").stat().st_size > 0) == (0, True), done.stderr


def test_it_is_shown_and_compared_and_drawn(run):
    item = load_run(run).table("items")["id"].iloc[0]
    name = load_run(run).audit["candidates"][0]["name"]
    for words in (
        ("gate", run),
        ("show", run),
        ("show", run, "--item", item),
        ("diff", run, run),
        ("figure", run, "reliability", "--candidate", name, "--out", run.parent / "r.svg"),
    ):
        done = trusteq(*words)
        assert done.returncode in {0, 1, 3}, (words, done.stderr)


def test_one_of_a_later_version_is_refused(run):
    later = {**json.loads((run / "audit.json").read_text("utf-8")), "schema_version": 99}
    (run / "audit.json").write_text(json.dumps(later), "utf-8")
    one_line(trusteq("gate", run), "schema version 99", "upgrade trusteq")


def test_advice_that_was_a_sentence_is_told_by_kind(run):
    kinds = {advice.kind for candidate in load_run(run).document.candidates for advice in candidate.advice}
    assert kinds
    assert "other" not in kinds


def test_slices_that_were_judged_by_no_rule_have_no_p_value_for_one(run):
    parts = [part for candidate in load_run(run).document.candidates for part in candidate.slices]
    assert all(dict(part.p_judged) == {} for part in parts)
