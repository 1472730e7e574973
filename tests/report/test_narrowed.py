"""A report of some candidates, or by other dimensions: as if the run had no others, and as gate judges."""

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from command import one_line, trusteq
from finished_runs import COSTS, costs_of, explained, plain, protocol

from trusteq import OptionError, PolicyError, load_run
from trusteq.record.evidence import evidence
from trusteq.record.plain import plain as as_json
from trusteq.report.in_toto import in_toto
from trusteq.report.junit import junit
from trusteq.report.latex import latex
from trusteq.report.markdown import markdown
from trusteq.report.model_card import model_card
from trusteq.report.narrowed import narrowed
from trusteq.report.page.page import page

FORMS = {"html": page, "markdown": markdown, "junit": junit, "latex": latex, "model-card": model_card}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return explained().save(tmp_path_factory.mktemp("narrowed") / "run")


def test_nothing_is_narrowed_unasked():
    whole = explained().evidence
    assert narrowed(whole) is whole
    assert narrowed(whole, ["nearly", "shortcut"]) is whole


@pytest.mark.parametrize("form", FORMS)
def test_the_other_candidate_is_only_named_as_left_out(form):
    whole = replace(explained().evidence, costs=costs_of(explained().evidence.models))
    text = FORMS[form](narrowed(whole, ["nearly"]))
    assert "nearly" in text
    said = (
        "this report shows 1 of the run&#39;s 2 candidates, without shortcut" if form == "html" else "without shortcut"
    )
    own = page(plain().evidence).count("shortcut") if form == "html" else 0  # the page's keys
    assert text.replace(said, "").count("shortcut") == own
    assert "shortcut" in FORMS[form](whole)


def test_a_published_protocol_s_pairs_are_those_of_the_chosen():
    pairs = narrowed(protocol().evidence, ["nearly"]).document.protocol.pairs
    assert {(pair.first, pair.second) for pair in pairs} == {("honest", "nearly")}


def test_tables_and_costs_are_those_of_the_chosen():
    whole = replace(explained().evidence, costs=costs_of(explained().evidence.models))
    one = narrowed(whole, ["shortcut"])
    assert set(one.estimates["candidate"]) == {"shortcut"}
    assert set(one.attributions["model"]) == {"honest", "shortcut"}
    assert [model["name"] for model in one.costs["models"]] == ["honest", "shortcut"]
    assert one.costs["machine"] == COSTS["machine"]
    assert len(one.rows) == 2


def test_the_exit_code_is_that_of_the_chosen():
    from finished_runs import equivalent

    codes = {c.name: narrowed(explained().evidence, [c.name]).document.exit_code for c in explained().comparisons}
    assert codes == {"nearly": 3, "shortcut": 1}
    assert narrowed(equivalent().evidence, ["twin"]).document.exit_code == 0


@pytest.mark.parametrize("dimensions", [("behaviour",), ("calibration",), ("behaviour", "calibration")])
def test_verdicts_are_those_of_gate(run, dimensions):
    done = json.loads(trusteq("gate", run, "--dimensions", ",".join(dimensions), "--json").stdout)
    document = narrowed(evidence(load_run(run)), (), dimensions).document
    assert {c.name: as_json(c.verdict) for c in document.candidates} == done["candidates"]
    assert document.exit_code == done["exit_code"]
    assert document.policy.content() == done["policy_sha256"]


def test_advice_is_about_what_is_then_required():
    whole = plain().evidence
    assert "explanations" in {advice.kind for advice in whole.document.candidates[0].advice}
    (one,) = narrowed(whole, (), ("behaviour",)).document.candidates
    assert "explanations" not in {advice.kind for advice in one.advice}
    assert [a for a in one.advice if a.kind == "changes"] == [
        a for a in whole.document.candidates[0].advice if a.kind == "changes"
    ]


def test_the_same_dimensions_give_the_same_report():
    whole = explained().evidence
    again = narrowed(whole, (), whole.document.policy.required)
    assert again.document == whole.document
    assert markdown(again) == markdown(whole)


def test_the_command_takes_both(run):
    done = trusteq("report", run, "--as", "junit", "--candidate", "nearly", "--dimensions", "behaviour,calibration")
    (suite,) = ET.fromstring(done.stdout)  # noqa: S314 - our own
    assert suite.get("name") == "nearly"
    assert (
        suite.find("testcase[@name='explanation']/skipped") is None
        or suite.find("testcase[@name='explanation']/failure") is None
    )
    both = trusteq("report", run, "--as", "markdown", "--candidate", "nearly", "--candidate", "shortcut").stdout
    assert both == trusteq("report", run, "--as", "markdown").stdout
    one_line(trusteq("report", run, "--candidate", "nobody"), "--candidate nobody: ", "choose from nearly, shortcut")
    one_line(trusteq("report", run, "--dimensions", "looks"), "no dimension 'looks'")
    one_line(trusteq("report", run, "--dimensions", ""), "policy default")
    one_line(trusteq("report", run, "--as", "in-toto", "--dimensions", "behaviour"), "the run's own policy")


def test_a_statement_is_about_the_chosen(run):
    tests = json.loads(in_toto(narrowed(evidence(load_run(run)), ["nearly"])))["predicate"]["failedTests"]
    assert tests
    assert all(name.startswith("nearly: ") for name in tests)


def test_what_there_is_not_cannot_be_chosen():
    with pytest.raises(OptionError, match="there is no such candidate; choose from small"):
        narrowed(plain().evidence, ["none"])
    with pytest.raises(PolicyError, match="no dimension 'none'"):
        narrowed(plain().evidence, (), ("none",))
