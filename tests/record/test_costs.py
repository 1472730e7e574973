"""costs.json: written and read whole, refused where damaged, and the only file with times."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from cases import case

import trusteq
from trusteq import load_run
from trusteq.models.cost import Costs, ModelCost
from trusteq.models.cost_machine import Machine
from trusteq.models.cost_speed import Spread
from trusteq.record.evidence import evidence, evidence_of

MACHINE = Machine("A Processor", 4, None, "Linux", "cpu")
COSTS = Costs(
    MACHINE,
    30,
    (
        ModelCost("large", 1000, 4000, 4100, 9000, Spread(0.02, 0.01, 0.03, 30), Spread(80.0, 70.0, 90.5, 5)),
        ModelCost("small"),
    ),
    ("small: speed was not measured: it is away",),
)


@pytest.fixture(scope="module")
def result():
    return trusteq.audit(*case(60), resamples=100, with_slices=False, costs="none")


@pytest.fixture
def run(result, tmp_path):
    return replace(result, costs=COSTS).save(tmp_path / "run")


def test_costs_are_read_back_as_they_were_written(run):
    assert load_run(run).costs == COSTS.document()


def test_a_report_draws_the_same_costs_from_memory_and_from_a_run(result, run):
    assert evidence(load_run(run)).costs == evidence_of(replace(result, costs=COSTS)).costs == COSTS.document()


def test_a_run_without_costs_is_a_run(result, tmp_path):
    path = result.save(tmp_path / "bare")
    assert not (path / "costs.json").exists()
    assert load_run(path).costs is None
    assert evidence(load_run(path)).costs is evidence_of(result).costs is None


def test_every_other_file_is_the_same_with_and_without_costs_but_for_their_hash(tmp_path):
    files = {}
    for costs in ("none", "quick"):
        path = trusteq.audit(*case(60), resamples=100, with_slices=False, costs=costs).save(tmp_path / costs)
        files[costs] = {p.relative_to(path): p.read_bytes() for p in path.rglob("*") if p.is_file()}
        manifest = json.loads(files[costs].pop(Path("manifest.json")))
        assert (manifest["files"].pop("costs.json", None) is not None) == (costs == "quick")
        files[costs]["manifest"] = manifest
    measured = files["quick"].pop(Path("costs.json"))
    assert json.loads(measured)["items"] >= 3
    assert files["none"] == files["quick"]


def test_names_that_are_no_file_names_are_read_back(result, tmp_path):
    name = "../größer\u202e\n<b>"
    named = replace(result, reference=replace(result.reference, name=name))
    costs = replace(COSTS, models=(replace(COSTS.models[0], name=name), COSTS.models[1]))
    run = load_run(replace(named, costs=costs).save(tmp_path / "run"))
    assert run.costs["models"][0]["name"] == name


DAMAGE = {
    "items": [-1, None, "30", 1.5, True],
    "machine": [None, []],
    "machine.processor": [None, 3],
    "machine.cores": [0, None],
    "machine.threads": [0, "2"],
    "models": [[], None, {}],
    "models.0.name": [None, 3],
    "models.0.parameters": [-1, "many", 1.5],
    "models.0.peak_bytes": [math.inf],
    "models.0.latency": [[], 0.1, {}],
    "models.0.latency.median": [None, math.nan, math.inf, -1.0, 0.0, "fast"],
    "models.0.latency.n": [0, None],
    "notes": [None, [3]],
}


@pytest.mark.parametrize(
    ("place", "value"),
    [(place, value) for place, values in DAMAGE.items() for value in values],
    ids=lambda given: str(given) or "empty",
)
def test_a_value_that_no_audit_writes_is_one_line(run, place, value):
    content = json.loads((run / "costs.json").read_text("utf-8"))
    *way, last = place.split(".")
    part = content
    for step in way:
        part = part[int(step) if step.isdecimal() else step]
    part[last] = value
    (run / "costs.json").write_text(json.dumps(content), "utf-8")
    refused(run, rf"costs\.json: damaged: {place}")


def test_quartiles_that_do_not_hold_the_median_are_one_line(run):
    content = json.loads((run / "costs.json").read_text("utf-8"))
    content["models"][0]["latency"]["median"] = 0.5
    (run / "costs.json").write_text(json.dumps(content), "utf-8")
    refused(run, r"costs\.json: damaged: models\.0\.latency: the median is outside its quartiles;")


@pytest.mark.parametrize("lost", ["machine", "models", "items", "notes"])
def test_a_part_that_is_missing_is_one_line(run, lost):
    content = json.loads((run / "costs.json").read_text("utf-8"))
    del content[lost]
    (run / "costs.json").write_text(json.dumps(content), "utf-8")
    refused(run, rf"costs\.json: damaged: {lost}")


def refused(run, says):
    with pytest.raises(trusteq.RunError, match=says) as caught:
        load_run(run)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    assert "copy the run again" in message or "upgrade trusteq" in message or "cannot be read" in message


@pytest.mark.parametrize("content", ["", "{", "\x00", "[" * 100_000])
def test_what_is_no_json_is_one_line(run, content):
    (run / "costs.json").write_text(content, "utf-8")
    refused(run, r"costs\.json: cannot be read")


@pytest.mark.parametrize("content", ["null", "[]", "3", "{}", '{"schema_version": true}', '{"schema_version": 0}'])
def test_what_is_no_costs_at_all_is_one_line(run, content):
    (run / "costs.json").write_text(content, "utf-8")
    refused(run, r"costs\.json: unknown schema version")


def test_costs_of_a_newer_trusteq_are_refused(run):
    (run / "costs.json").write_text('{"schema_version": 2}', "utf-8")
    refused(run, r"costs\.json: schema version 2; this trusteq reads up to 1")


@pytest.mark.parametrize("names", [("large", "other"), ("small", "large"), ("large",), ("large", "small", "small")])
def test_costs_of_other_models_are_refused(run, names):
    content = json.loads((run / "costs.json").read_text("utf-8"))
    content["models"] = [{**content["models"][-1], "name": name} for name in names]
    (run / "costs.json").write_text(json.dumps(content), "utf-8")
    refused(run, rf"costs\.json: is about {', '.join(names)}, but this run's models are large, small")
