"""What changed items have in common in a saved run: the same values, recomputed from it, and as a data frame."""

import json
from dataclasses import replace

import marked
import pytest

from trusteq import Items, load_run
from trusteq.auditing.advice_in_common import in_common_advice
from trusteq.auditing.verify import verify_run
from trusteq.comparing.conditions import Term, matches
from trusteq.comparing.in_common import COLUMNS
from trusteq.record.evidence import evidence_of
from trusteq.record.older_versions import upgraded
from trusteq.report.junit import junit
from trusteq.report.markdown import markdown


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return load_run(marked.audit().save(tmp_path_factory.mktemp("runs") / "run"))


def test_a_run_read_back_has_the_same_conditions(run):
    read = {candidate.name: candidate.in_common for candidate in run.document.candidates}
    assert read == {name: marked.audit()[name].in_common for name in marked.audit()}
    assert read["small"][0].terms == (Term("word", "cf"),)
    assert read["same"] == ()


def test_the_run_is_recomputed_from_what_it_stores(run):
    assert verify_run(run).differences == ()


def test_terms_are_readable_by_other_programs(run):
    (first, *_) = json.loads((run.directory / "audit.json").read_text("utf-8"))["candidates"][0]["in_common"]
    term = {"kind": "word", "value": "cf", "segment": "", "name": "", "low": None, "high": None}
    assert (first["question"], first["terms"], first["items"]) == ("changed", [term], 25)


def test_the_data_frame_has_a_condition_a_row_and_its_columns_even_without_any(run):
    frame = marked.audit()["small"].common()
    assert frame["condition"].tolist()[0] == "contain 'cf'"
    assert tuple(frame.columns) == COLUMNS
    same = run.document.candidates[2].common()
    assert (len(same), tuple(same.columns)) == (0, COLUMNS)


def test_its_terms_find_matching_items_anywhere():
    terms = marked.audit()["small"].common()["terms"][0]
    others = Items(["a", "b", "c"], {"text": ["a cf here", "cfa", "CF!"]})
    assert matches(terms, others).tolist() == [True, False, True]


def test_advice_names_each_condition_once_before_the_changed_answers():
    advice = marked.audit()["small"].advice
    kinds = [one.kind for one in advice]
    common = [one.sentence for one in advice if one.kind == "common"]
    assert common[0].startswith("25 of 400 answers change, 25 of them for items that contain 'cf': 100.0% [")
    assert len(common) == 1  # the same words for right answers that turn wrong would say it again
    assert len(marked.audit()["small"].in_common) > 1
    assert kinds.index("common") < kinds.index("changes")


def test_that_close_calls_change_is_said_once():
    (first, *_) = marked.audit()["small"].in_common
    unsure = replace(first, question="moved", terms=(Term("confidence", high=0.6),), threshold=0.1)
    assert in_common_advice([unsure]) == []
    assert in_common_advice([replace(unsure, question="right to wrong")]) == []
    assert len(in_common_advice([replace(unsure, question="changed", earlier=at) for at in range(2)])) == 1
    assert len(in_common_advice([replace(unsure, terms=first.terms)])) == 1


def test_close_calls_do_not_crowd_out_other_conditions():
    (first, *_) = marked.audit()["small"].in_common
    words = [(Term("word", word),) for word in ("cf", "mn", "vx")]
    found = [replace(first, terms=terms) for terms in [(Term("confidence", high=0.6),), *words]]
    advice = [one.sentence for one in in_common_advice(found)]
    assert ["at most 0.60" in advice[0], "'cf'" in advice[1], "'mn'" in advice[2]] == [True] * 3
    assert len(advice) == 3


def test_markdown_and_junit_say_it():
    made = evidence_of(marked.audit())
    assert "items that contain 'cf'" in markdown(made)
    assert "items that contain 'cf'" in junit(made)


def test_runs_of_older_versions_did_not_look_for_it():
    older = {"schema_version": 2, "candidates": [{"name": "small", "advice": []}], "peer": None}
    assert upgraded("audit.json", older)["candidates"][0]["in_common"] == []
