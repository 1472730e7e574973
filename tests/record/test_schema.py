"""The JSON Schema of audit.json."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest
from finished_runs import KINDS, explained, plain, protocol

from trusteq.record.plain import plain as as_json
from trusteq.record.schema import audit_schema, text

PUBLISHED = Path(__file__).parents[2] / "docs/reference/audit.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(audit_schema())


def stored(result):
    return json.loads(json.dumps(as_json(result.evidence.document)))


def test_the_published_schema_is_this_one():
    assert PUBLISHED.read_text("utf-8") == text(), "python -m trusteq.record.schema > docs/reference/audit.schema.json"


def test_it_is_a_schema_of_its_dialect():
    jsonschema.Draft202012Validator.check_schema(audit_schema())


@pytest.mark.parametrize("kind", KINDS)
def test_audits_of_every_kind_are_valid(kind):
    VALIDATOR.validate(stored(KINDS[kind]()))


def places(value, path=()):
    """Every object and list of a document, by its path."""
    yield path, value
    if isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(entry, (*path, key))


# Objects whose keys are the run's own: measures, tests, slices and what a model's details hold.
FREE = {"measures", "behaviour", "calibration", "explanation", "remedies", "tests", "p_tests", "p_against_rest"}
FREE |= {"parameters", "after", "own"}
FREE |= {"p_judged", "worse_than_rest", "calibrated_null", "skewsize", "text length", "details", "rules", "group"}


def slim(value, key=""):
    """The same with one of every kind: no schema tells two measures or two slices apart."""
    if isinstance(value, dict):
        few = list(value)[:2] if key in FREE - {"measures", "explanation", "rules"} else list(value)
        return {name: slim(value[name], name) for name in few}
    if isinstance(value, list):
        few = value if key in {"reliability", "dimensions", "labels", "runs", "seeds"} else value[:1]
        return [slim(entry, key if key == "reliability" else "") for entry in few]
    return value


def seen(document, wanted):
    """One path of each shape of path, where the value is what is wanted."""
    found = {}
    for path, value in places(document):
        if wanted(path, value):
            found.setdefault(tuple("#" if isinstance(part, int) else part for part in path), path)
    return found.values()


def at(document, path):
    for part in path:
        document = document[part]
    return document


@pytest.mark.slow
@pytest.mark.parametrize("result", [plain, explained, protocol])
def test_nothing_can_be_added_where_the_structure_is_fixed(result):
    document = slim(stored(result()))
    paths = seen(
        document, lambda path, value: isinstance(value, dict) and (not path or path[-1] not in FREE or len(path) == 1)
    )
    checked = 0
    for path in paths:
        if path and path[-1] == "measures":
            continue
        mutilated = copy.deepcopy(document)
        at(mutilated, path)["colour"] = "red"
        assert not VALIDATOR.is_valid(mutilated), path
        checked += 1
    assert checked > 30


@pytest.mark.parametrize("result", [plain, explained, protocol])
def test_nothing_can_be_left_out(result):
    document = slim(stored(result()))
    checked = 0
    for path in seen(document, lambda path, value: bool(path) and isinstance(path[-1], str)):
        *parent, key = path
        # Only labels bring these three; at_least or at_most may be left out of a rule.
        if {key, *map(str, parent)} & {*FREE, "thresholds", "policy", "rule"}:
            continue
        mutilated = copy.deepcopy(document)
        del at(mutilated, parent)[key]
        assert not VALIDATOR.is_valid(mutilated), path
        checked += 1
    assert checked > 20


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema_version",), 1),
        (("exit_code",), 2),
        (("labels",), [1]),
        (("items", "n"), 0),
        (("candidates",), []),
        (("candidates", 0, "verdict", "outcome"), "NOT MEASURED"),
        (("candidates", 0, "verdict", "outcome"), "perhaps"),
        (("candidates", 0, "verdict", "dimensions", 0, "dimension"), "beauty"),
        (("candidates", 0, "measures", "behaviour", "accuracy_reference", "n"), 0),
        (("candidates", 0, "measures", "behaviour", "accuracy_reference", "value"), "high"),
        (("candidates", 0, "measures", "behaviour", "accuracy_reference", "level"), 1.5),
        (("candidates", 0, "measures", "beauty"), {}),
        (("candidates", 0, "advice"), "none"),
        (("reference", "reliability"), []),
        (("policy", "level"), 0.3),
        (("settings", "seed"), -1),
    ],
)
def test_a_value_that_no_audit_writes_is_refused(path, value):
    document = slim(stored(plain()))
    VALIDATOR.validate(document)
    at(document, path[:-1])[path[-1]] = value
    assert not VALIDATOR.is_valid(document)


def test_what_could_not_be_computed_is_null():
    document = stored(plain())
    document["candidates"][0]["measures"]["behaviour"]["disagreement"] |= {"value": None, "low": None, "high": None}
    VALIDATOR.validate(document)
