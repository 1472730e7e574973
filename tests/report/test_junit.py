"""JUnit XML: what fails, and that every reader of JUnit accepts it."""

from xml.etree import ElementTree as ET

import junitparser
import pytest
from finished_runs import KINDS, equivalent, explained, hostile, plain, tampered, unlabelled

from trusteq.data.clean import clean
from trusteq.report.decisions import to_do, to_look_at
from trusteq.report.junit import junit
from trusteq.report.narrowed import narrowed

# What Ant's and Jenkins's schemas both allow: children in order, and attributes (required, optional).
CHILDREN = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase", "system-out", "system-err"],
    "properties": ["property"],
    "property": [],
    "testcase": ["failure", "skipped"],
    "failure": [],
    "skipped": [],
    "system-out": [],
    "system-err": [],
}
ATTRIBUTES = {
    "testsuites": (set(), set()),
    "testsuite": (
        {"name", "package", "id", "hostname", "timestamp", "tests", "failures", "errors", "time"},
        {"skipped"},
    ),
    "property": ({"name", "value"}, set()),
    "testcase": ({"name", "classname", "time"}, set()),
    "failure": ({"type", "message"}, set()),
    "skipped": (set(), {"message"}),
}


def check(element):
    """Every element has what its schema asks for, in its order."""
    order = CHILDREN[element.tag]
    places = [order.index(child.tag) for child in element]
    assert places == sorted(places), element.tag
    required, optional = ATTRIBUTES.get(element.tag, (set(), set()))
    assert required <= set(element.attrib) <= required | optional, element.tag
    if element.tag == "testsuite":
        assert [child.tag for child in element if child.tag != "testcase"] == ["properties", "system-out", "system-err"]
        assert element.get("name")
        for counted, kind in (("tests", "."), ("failures", "failure"), ("skipped", "skipped")):
            assert int(element.get(counted)) == len(element.findall(f"testcase{'' if kind == '.' else '/' + kind}"))
    if element.tag == "testcase":
        assert len(element) <= 1
    for child in element:
        check(child)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_ant_s_and_jenkins_s_schemas_ask_for(kind):
    check(ET.fromstring(junit(KINDS[kind]().evidence)))  # noqa: S314 - our own


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_a_case_for_each_dimension_of_each_candidate(kind):
    read = junitparser.JUnitXml.fromstring(junit(KINDS[kind]().evidence).encode())
    assert len(list(read)) == len(KINDS[kind]().comparisons)
    for suite in read:
        assert [case.name for case in suite] == ["behaviour", "calibration", "explanation"]


@pytest.mark.parametrize("kind", KINDS)
def test_it_fails_whenever_the_exit_code_does(kind):
    result = KINDS[kind]()
    read = junitparser.JUnitXml.fromstring(junit(result.evidence).encode())
    assert (sum(suite.failures for suite in read) == 0) is (result.exit_code == 0)


def cases(result):
    read = junitparser.JUnitXml.fromstring(junit(result.evidence).encode())
    return {(suite.name, case.name): case for suite in read for case in suite}


def test_not_equivalent_and_undecided_are_failures_of_their_own_types():
    found = cases(explained())
    (failure,) = found["shortcut", "explanation"].result
    assert (type(failure), failure.type) == (junitparser.Failure, "NOT EQUIVALENT")
    assert "alignment Shapley" in failure.message
    (failure,) = found["nearly", "behaviour"].result
    assert (type(failure), failure.type) == (junitparser.Failure, "UNDECIDED")
    assert failure.message.startswith("undecided is not a pass: ")


def test_one_cause_is_one_failure_which_says_what_to_do():
    one = narrowed(explained().evidence, ["shortcut"], ("explanation",))
    (suite,) = junitparser.JUnitXml.fromstring(junit(one).encode())
    assert suite.failures == 1
    (failure,) = (result for case in suite for result in case.result if isinstance(result, junitparser.Failure))
    said = [str(advice) for advice in to_look_at(one.document.candidates[0])]
    assert said
    assert failure.text.splitlines()[-len(said) :] == [clean(sentence) for sentence in said]


def test_of_several_failures_the_first_that_decides_says_what_to_do():
    (suite,) = junitparser.JUnitXml.fromstring(junit(plain().evidence).encode())
    failures = [result for case in suite for result in case.result if isinstance(result, junitparser.Failure)]
    assert plain()["small"].verdict.outcome == failures[0].type
    advice = str(to_do(plain().evidence, plain().evidence.document.candidates[0])[0])
    assert [advice in failure.text for failure in failures] == [True, *[False] * (len(failures) - 1)]
    assert len(failures) > 1


def test_what_to_do_about_a_broken_margin_does_not_stand_beside_an_undecided_one():
    found = cases(explained())
    (undecided,), (decisive,) = (found["shortcut", name].result for name in ("behaviour", "explanation"))
    assert (undecided.type, decisive.type) == ("UNDECIDED", "NOT EQUIVALENT")
    assert "weighs these words differently" in decisive.text
    assert "weighs these words differently" not in undecided.text


def test_what_is_required_and_was_not_measured_fails_and_what_is_not_required_is_skipped():
    (failure,) = cases(plain())["small", "explanation"].result
    assert (type(failure), failure.type) == (junitparser.Failure, "NOT MEASURED")
    found = cases(equivalent())
    assert found["twin", "behaviour"].result == []
    (skipped,) = found["twin", "calibration"].result
    assert type(skipped) is junitparser.Skipped
    assert skipped.message.startswith("not required; ")


def test_properties_hold_every_judged_estimate_with_interval_and_n():
    suite = next(iter(junitparser.JUnitXml.fromstring(junit(plain().evidence).encode())))
    found = {prop.name: prop.value for prop in suite.properties()}
    estimate = plain()["small"].measures["behaviour"]["disagreement"]
    for end, value in (("", estimate.value), (".low", estimate.low), (".high", estimate.high), (".n", estimate.n)):
        assert float(found[f"behaviour.disagreement{end}"]) == pytest.approx(value, rel=1e-5)
    assert (found["verdict"], found["items"]) == (plain()["small"].verdict.outcome, "120")


def test_without_labels_what_needs_them_is_no_property():
    assert "accuracy_difference" not in junit(unlabelled().evidence).split("<system-out>")[0].split("<testcase")[0]


@pytest.mark.parametrize("evidence", [lambda: hostile().evidence, tampered])
def test_nothing_in_it_is_illegal_in_xml_and_nothing_breaks_out(evidence):
    text = junit(evidence())
    assert text.isascii()
    assert all(character == "\n" or character >= " " for character in text)
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert {element.tag for element in root.iter()} <= set(CHILDREN)
    assert "\u202e" not in root[0].get("name")
