"""Cascades in a saved run: the same values, recomputed from it, and none in runs of older versions."""

import json

import marked
import pytest
from rehashed import rehashed

from trusteq import load_run
from trusteq.auditing.verify import verify_run
from trusteq.record.older_versions import upgraded


@pytest.fixture
def run(tmp_path):
    return marked.audit().save(tmp_path / "run")


def test_a_run_read_back_has_the_same_cascades_and_they_are_recomputed(run):
    read = load_run(run)
    assert {c.name: c.cascade for c in read.document.candidates} == {
        name: marked.audit()[name].cascade for name in marked.audit()
    }
    assert read.document.candidates[0].cascade.by_condition is not None
    assert verify_run(read).differences == ()


def test_a_cascade_that_does_not_follow_from_the_answers_is_found(run):
    content = json.loads((run / "audit.json").read_text("utf-8"))
    content["candidates"][0]["cascade"]["curve"][3]["agreement"]["value"] -= 0.01
    (run / "audit.json").write_text(json.dumps(content, indent=1), "utf-8")
    rehashed(run)
    (found,) = verify_run(load_run(run)).differences
    assert found.where == "audit.json: candidates.0.cascade.curve.3.agreement.value"


def test_older_runs_have_none():
    model = {"advice": []}
    content = {"schema_version": 2, "candidates": [model], "peer": None, "settings": {}}
    assert upgraded("audit.json", content)["candidates"][0]["cascade"] is None
