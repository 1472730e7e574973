"""A report of some candidates, or by other dimensions: as if the run had no others, and as gate judges."""

import json
from dataclasses import replace
from datetime import date
from functools import cache
from xml.etree import ElementTree as ET

import pytest
from cases import case
from command import one_line, trusteq
from finished_runs import COSTS, FAST, costs_of, explained, plain, protocol

import trusteq as package
from trusteq import OptionError, PolicyError, load_run, read_policy
from trusteq.cli import dates
from trusteq.record.evidence import evidence
from trusteq.record.plain import plain as as_json
from trusteq.report.in_toto import in_toto
from trusteq.report.junit import junit
from trusteq.report.latex import latex
from trusteq.report.markdown import markdown
from trusteq.report.model_card import model_card
from trusteq.report.narrowed import narrowed
from trusteq.report.page.page import page
from trusteq.report.wording import urgent

FORMS = {"html": page, "markdown": markdown, "junit": junit, "latex": latex, "model-card": model_card}


@cache
def sharpened():
    """A candidate that is too sure of itself, more so in one slice."""
    return package.audit(*case(1000, sharpness=2.0), **{**FAST, "with_slices": True})


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


STRICT = """
name: strict
required: [behaviour]
rules: {behaviour: {disagreement: {at_most: 0.001}}, calibration: {ece_difference: {at_most: 0.5}}}
"""


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    path = tmp_path_factory.mktemp("policy") / "strict.yaml"
    path.write_text(STRICT, "utf-8")
    return path


def test_under_another_policy_verdicts_are_those_of_gate(run, strict):
    done = json.loads(trusteq("gate", run, "--policy", strict, "--json").stdout)
    document = narrowed(evidence(load_run(run)), policy=read_policy(strict)).document
    assert {c.name: as_json(c.verdict) for c in document.candidates} == done["candidates"]
    assert (document.exit_code, document.policy.content()) == (done["exit_code"], done["policy_sha256"])
    both = narrowed(evidence(load_run(run)), (), ("calibration",), read_policy(strict)).document
    done = json.loads(trusteq("gate", run, "--policy", strict, "--dimensions", "calibration", "--json").stdout)
    assert {c.name: as_json(c.verdict) for c in both.candidates} == done["candidates"]


def test_what_was_searched_with_the_run_s_own_margins_is_left_out_under_others_and_said(strict):
    whole = sharpened().evidence
    (before,) = whole.document.candidates
    assert {advice.kind for advice in before.advice} >= {"temperature", "slice"}
    assert before.recalibration is not None
    again = narrowed(whole, policy=read_policy(strict))
    (after,) = again.document.candidates
    assert not {advice.kind for advice in after.advice} & {"temperature", "slice"}
    assert after.recalibration is None
    assert not any(part.p_judged for part in after.slices)
    (said,) = (sentence for sentence in urgent(again.findings) if "judged here by policy strict" in sentence)
    assert "not by the run's own, default" in said


def test_the_run_s_own_policy_changes_nothing():
    whole = sharpened().evidence
    again = narrowed(whole, policy=whole.document.policy)
    assert markdown(again) == markdown(whole)


def test_the_command_judges_by_another_policy(run, strict):
    suites = ET.fromstring(trusteq("report", run, "--as", "junit", "--policy", strict).stdout)  # noqa: S314 - our own
    names = {one.get("value") for one in suites.iter("property") if one.get("name") == "policy"}
    assert names == {"strict"}
    one_line(trusteq("report", run, "--as", "in-toto", "--policy", strict), "--policy has no effect", "own policy")
    one_line(trusteq("report", run, "--policy", "none.yaml"), "no such policy file")
    other = strict.with_name("level.yaml")
    other.write_text(STRICT.replace("strict", "other") + "level: 0.9\n", "utf-8")
    one_line(trusteq("report", run, "--policy", other), "needs 0.9 intervals, but this run has 0.95")


def test_a_waiver_is_shown_only_under_the_margin_it_was_given_for(strict, tmp_path, monkeypatch):
    monkeypatch.setattr(dates, "today", lambda: date(2026, 5, 4))
    run = plain().save(tmp_path / "run")
    words = ("--rule", "disagreement", "--candidate", "small", "--by", "A. Lee", "--because", "seen")
    assert trusteq("waive", run, *words, "--until", "2026-05-31").returncode == 0
    assert "A. Lee" in trusteq("report", run, "--as", "markdown").stdout
    assert "A. Lee" not in trusteq("report", run, "--as", "markdown", "--policy", strict).stdout


def test_a_statement_is_about_the_chosen(run):
    tests = json.loads(in_toto(narrowed(evidence(load_run(run)), ["nearly"])))["predicate"]["failedTests"]
    assert tests
    assert all(name.startswith("nearly: ") for name in tests)


def test_what_there_is_not_cannot_be_chosen():
    with pytest.raises(OptionError, match="there is no such candidate; choose from small"):
        narrowed(plain().evidence, ["none"])
    with pytest.raises(PolicyError, match="no dimension 'none'"):
        narrowed(plain().evidence, (), ("none",))
