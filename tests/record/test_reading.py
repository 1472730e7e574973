"""audit.json read back."""

import io
import json
import math

import pytest
from finished_runs import KINDS, equivalent, plain, protocol
from rich.console import Console

import trusteq
from trusteq.record.document import AuditDocument, document
from trusteq.record.plain import plain as as_json
from trusteq.record.policy_findings import about_policy
from trusteq.record.reading import read
from trusteq.report.terminal import render


def stored(result):
    return as_json(document(result))


def read_back(content):
    return read(json.dumps(content), AuditDocument, where="run/audit.json")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_what_was_read(kind):
    content = stored(KINDS[kind]())
    assert json.dumps(as_json(read_back(content))) == json.dumps(content)


@pytest.mark.parametrize("kind", KINDS)
def test_verdicts_estimates_tests_and_advice_come_back_as_they_were(kind):
    result = KINDS[kind]()
    told = read_back(stored(result))
    assert told.policy == result.policy
    assert told.findings == result.findings
    assert result.evidence.findings == (*about_policy(result.policy), *result.findings)
    assert [c.verdict for c in told.candidates] == [c.verdict for c in result.comparisons]
    for mine, theirs in zip(told.candidates, result.comparisons, strict=True):
        assert (mine.name, mine.advice, mine.tests) == (theirs.name, theirs.advice, theirs.tests)
        assert mine.measures == theirs.measures


def test_the_published_protocol_comes_back_with_every_pair():
    told = read_back(stored(protocol()))
    assert told.protocol.pairs == protocol().pairs
    assert (told.protocol.name, told.k, told.explained) == ("paper", 10, 4)


def test_what_could_not_be_computed_comes_back_as_nan():
    content = stored(plain())
    content["candidates"][0]["tests"]["mcnemar"]["p_value"] = None
    assert math.isnan(read_back(content).candidates[0].tests["mcnemar"].p_value)


@pytest.mark.parametrize(
    "harm",
    [
        lambda d: d.pop("policy"),
        lambda d: d["items"].pop("labelled"),
        lambda d: d["candidates"][0].pop("verdict"),
        lambda d: d["candidates"][0].update(verdict=None),
        lambda d: d["candidates"][0]["verdict"].update(outcome="PERHAPS"),
        lambda d: d["candidates"][0]["verdict"]["dimensions"][0]["rules"][0].update(rule={"at_least": "much"}),
        lambda d: d["candidates"][0]["verdict"]["dimensions"][0]["rules"][0].pop("clusters_needed"),
        lambda d: d["candidates"][0]["measures"]["behaviour"]["disagreement"].pop("level"),
        lambda d: d["candidates"][0]["tests"]["mcnemar"].pop("df"),
        lambda d: d["candidates"][0]["thresholds"][0].update(colour="red"),
        lambda d: d["candidates"][0]["verdict"].update(colour="red"),
        lambda d: d["reference"]["identity"].pop("details"),
        lambda d: d["reference"].update(findings=7),
        lambda d: d["settings"].update(explain={}),
    ],
)
def test_a_value_that_no_audit_writes_is_one_line(harm):
    content = stored(plain())
    harm(content)
    with pytest.raises(trusteq.RunError, match=r"^run/audit\.json: damaged: .*audit again$") as caught:
        read_back(content)
    assert "\n" not in str(caught.value)


def test_words_of_python_s_are_not_in_the_line():
    content = stored(plain())
    content["candidates"][0]["verdict"].update(outcome="NOT MEASURED")
    with pytest.raises(trusteq.RunError, match="input should be 'EQUIVALENT', 'NOT EQUIVALENT' or 'UNDECIDED' "):
        read_back(content)


def test_what_was_found_about_models_and_items_is_shown():
    printed = io.StringIO()
    Console(file=printed, width=200, highlight=False).print(render(equivalent()))
    out = printed.getvalue()
    assert "about the models" in out
    assert "twin: its predictions are identical to those of large, on every item" in out
    assert "! items: 10 of 120 repeat the text of another item" in out
