"""Costs of an audit's models: what is measured of which, and what happens when something cannot be."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cases import Table, case

import trusteq
from trusteq import Items, OptionError, from_callable
from trusteq.models import cost, cost_memory
from trusteq.models.cost import ModelCost, checked_effort, measure_costs
from trusteq.models.onnx_session import open_onnx
from trusteq.models.prediction_file import open_predictions
from trusteq.models.traits import traits_of

LABELS = ("no", "yes")
TEXTS = Items(ids=[f"t{i}" for i in range(40)], segments={"text": [f"text {i}" for i in range(40)]})


def sleeper(seconds):
    def function(texts):
        time.sleep(seconds * len(texts))
        return np.full((len(texts), 2), 0.5)

    return from_callable(function, labels=LABELS, name="sleeper")


def predictions(folder):
    file = folder / "answers.csv"
    file.write_text("id,no,yes\n" + "".join(f"t{i},0.5,0.5\n" for i in range(40)), "utf-8")
    return open_predictions(str(file), name="file")


def test_a_function_that_sleeps_takes_at_least_as_long_as_it_sleeps():
    costs = measure_costs([sleeper(0.005)], TEXTS, [None])
    (model,) = costs.models
    assert model.latency.low >= 0.005
    assert model.throughput.high <= 200
    assert 3 <= costs.items == model.latency.n <= 30
    assert (model.parameters, model.disk_bytes, model.weights_bytes, model.peak_bytes) == (None,) * 4
    assert costs.notes == ()


def test_a_model_with_a_file_has_its_size(onnx_bert, items):
    opened = open_onnx(str(onnx_bert), name="m")
    (model,) = measure_costs([opened], items, [None]).models
    known = traits_of(opened).size()
    assert None not in vars(known).values()
    assert (model.parameters, model.disk_bytes, model.weights_bytes) == tuple(vars(known).values())
    assert model.latency.median > 0


def test_memory_is_measured_in_full_only(onnx_bert, items, monkeypatch):
    seen = []
    monkeypatch.setattr(cost, "peak_bytes", lambda model, items, shape: seen.append((len(items), shape)) or 12)
    opened = open_onnx(str(onnx_bert), name="m")
    assert measure_costs([opened], items, [None]).models[0].peak_bytes is None
    assert seen == []
    costs = measure_costs([sleeper(0), opened], items, [None, 1], effort="full")
    assert [model.peak_bytes for model in costs.models] == [None, 12]
    assert seen == [(40, 1)]


def test_predictions_in_a_file_cost_nothing(tmp_path):
    file = predictions(tmp_path)
    assert measure_costs([file, replace(file, name="other")], TEXTS, [None, None]) is None


def test_beside_a_model_that_is_run_a_file_of_predictions_keeps_its_place(tmp_path):
    costs = measure_costs([predictions(tmp_path), sleeper(0)], TEXTS, [None, None])
    assert costs.models[0] == ModelCost("file")
    assert costs.models[1].latency is not None


def test_none_measures_nothing():
    assert measure_costs([sleeper(60)], TEXTS, [None], effort="none") is None


def test_what_fails_is_noted_and_the_rest_is_measured(onnx_bert, items, monkeypatch):
    def broken(texts):
        raise RuntimeError("the \x1b[2Jserver\nis away")

    monkeypatch.setattr(cost_memory.sys, "executable", "/no/such/python")
    gone = open_onnx(str(onnx_bert), name="gone")
    gone.identity = replace(gone.identity, location="/no/such/model.onnx")
    gone.files = {"graph": Path("/no/such/model.onnx")}
    models = [from_callable(broken, labels=LABELS, name="broken"), gone]
    costs = measure_costs(models, items, [None, None], effort="full")
    assert costs.models[0] == ModelCost("broken")
    assert costs.models[1].latency is not None
    assert (costs.models[1].disk_bytes, costs.models[1].peak_bytes) == (None, None)
    speed, disk, memory = costs.notes
    assert speed == "broken: speed was not measured: the \x1b[2Jserver is away"
    assert disk.startswith("gone: size was not measured: ")
    assert memory.startswith("gone: peak memory was not measured: no process could be started")


def test_costs_are_plain_json(onnx_bert, items):
    costs = measure_costs([open_onnx(str(onnx_bert), name="m"), sleeper(0)], items, [None, None])
    document = costs.document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert list(document) == ["schema_version", "machine", "items", "models", "notes"]
    assert list(document["machine"]) == ["processor", "cores", "threads", "platform", "device"]
    assert document["machine"]["cores"] >= 1
    assert document["machine"]["device"] == "cpu"
    assert set(document["models"][0]["latency"]) == {"median", "low", "high", "n"}


def test_progress_is_told(onnx_bert, items, monkeypatch):
    monkeypatch.setattr(cost, "peak_bytes", lambda *_: 1)
    told = []
    opened = open_onnx(str(onnx_bert), name="m")
    measure_costs([opened], items, [None], effort="full", tell=lambda *step: told.append(step))
    speed, memory = [("measure speed", i, 1) for i in (0, 1)], [("measure memory", i, 1) for i in (0, 1)]
    assert told == [*speed, *memory]


# in an audit


def test_an_audit_measures_last_and_the_batch_shape_is_kept(monkeypatch):
    seen = []

    def measured(models, items, shapes, **how):
        seen.append(([m.name for m in models], list(shapes), how["effort"]))

    monkeypatch.setattr("trusteq.auditing.audit.measure_costs", measured)
    large, small, items = case(50)
    company = CompanyModel("company", small.answers)
    trusteq.audit(large, company, items, batch=5, resamples=100, with_slices=False)
    assert seen == [(["large", "company"], [None, 5], "quick")]


class CompanyModel(Table):
    """A model whose answers depend on the items beside them."""

    def predict(self, items):
        answers = super().predict(items)
        return answers if len(items) == 1 else answers[:, ::-1]


def test_a_model_that_fails_when_asked_again_does_not_fail_the_audit():
    large, small, items = case(40)

    calls = []

    class Tired(Table):
        def predict(self, items):
            calls.append(len(items))
            if len(calls) > 35:
                raise ConnectionError("out of quota")
            return super().predict(items)

    result = trusteq.audit(large, Tired("tired", small.answers), items, resamples=100, with_slices=False)
    assert result.costs.notes == ("tired: speed was not measured: out of quota",)
    assert result.comparisons[0].verdict is not None


@pytest.mark.parametrize("asked", ["all", "", None, True, 3, ["quick"]])
def test_what_is_no_effort_is_refused_before_any_model_is_asked(asked):
    large, small, items = case(40)
    with pytest.raises(OptionError, match="costs must be none, quick or full, found"):
        trusteq.audit(replace(large, answers={}), small, items, costs=asked)


def test_full_is_refused_where_nothing_can_be_opened_again(onnx_bert):
    large, small, items = case(40)
    with pytest.raises(OptionError, match="costs=full has no effect"):
        trusteq.audit(replace(large, answers={}), small, items, costs="full")
    assert checked_effort("full", [large, open_onnx(str(onnx_bert), name="m")]) == "full"
