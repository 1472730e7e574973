"""An audit read back from its document."""

import copy
import io
import json

import pytest
from finished_runs import KINDS, equivalent, explained, plain, protocol
from rich.console import Console

import trusteq
from trusteq.record.summary import about_policy, origin, summary
from trusteq.report.terminal import render


def stored(result):
    return json.loads(json.dumps(result.evidence.document))


@pytest.mark.parametrize("kind", KINDS)
def test_verdicts_estimates_tests_and_advice_come_back_as_they_were(kind):
    result = KINDS[kind]()
    told = summary(stored(result))
    assert told.policy == result.policy
    assert told.findings == (*about_policy(result.policy), *result.findings)
    assert [c.verdict for c in told.candidates] == [c.verdict for c in result.comparisons]
    for mine, theirs in zip(told.candidates, result.comparisons, strict=True):
        assert (mine.name, mine.advice, mine.tests) == (theirs.name, theirs.advice, theirs.tests)
        assert mine.measures == theirs.measures


def test_the_published_protocol_comes_back_with_every_pair():
    told = summary(stored(protocol()))
    assert told.protocol.pairs == protocol().pairs
    assert (told.protocol.name, told.protocol.k, told.protocol.items) == ("paper", 10, 4)


def test_what_is_not_a_number_comes_back_as_such():
    document = stored(plain())
    document["candidates"][0]["tests"]["mcnemar"]["p_value"] = None
    assert summary(document).candidates[0].tests["mcnemar"].p_value != 0
    assert not summary(document).candidates[0].tests["mcnemar"].p_value > 0


@pytest.mark.parametrize(
    "harm",
    [
        lambda d: d.pop("policy"),
        lambda d: d["items"].pop("labelled"),
        lambda d: d["candidates"][0].pop("verdict"),
        lambda d: d["candidates"][0].update(verdict=None),
        lambda d: d["candidates"][0]["verdict"].update(outcome="PERHAPS"),
        lambda d: d["candidates"][0]["verdict"]["dimensions"][0]["rules"][0].update(rule={"at_least": "much"}),
        lambda d: d["reference"].update(findings=7),
    ],
)
def test_a_value_that_no_audit_writes_is_one_line(harm):
    document = copy.deepcopy(stored(plain()))
    harm(document)
    with pytest.raises(trusteq.RunError, match=r"^run/audit\.json: damaged: .*audit again$") as caught:
        summary(document, where="run/audit.json")
    assert "\n" not in str(caught.value)


def test_the_origin_names_version_items_and_models():
    found = origin(explained().evidence.manifest)
    assert found.version == trusteq.__version__
    assert found.items == explained().items.content()
    assert [model.name for model in found.models] == ["honest", "nearly", "shortcut"]


def test_what_was_found_about_models_and_items_is_shown():
    printed = io.StringIO()
    Console(file=printed, width=200, highlight=False).print(render(equivalent()))
    out = printed.getvalue()
    assert "about the models" in out
    assert "twin: its predictions are identical to those of large, on every item" in out
    assert "! items: 119 of 120 repeat the text of another item" in out


def test_a_damaged_manifest_is_one_line():
    with pytest.raises(trusteq.RunError, match=r"manifest\.json: damaged: no 'models'"):
        origin({})
