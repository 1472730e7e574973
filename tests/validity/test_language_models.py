"""Is what an audit says of language models true? Differences are planted; the study is bench/language_validity.py."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

import language_cases as plants
import language_validity as study

import trusteq
from trusteq import ModelError
from trusteq.models.open import open_model

RUNS = 10

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def untrained():
    return plants.trained(1, steps=2)


def log_odds(model, items, task=plants.CHOOSE):
    rows = plants.opened(model, "model", task).predict(items)
    return np.log(rows.values[:, 1]).reshape(len(items), -1) @ [-1, 1]


def test_a_temperature_divides_the_log_odds_of_choices(untrained):
    items = plants.reviews(20, 0)
    other = plants.at_temperature(untrained, 2.0)
    np.testing.assert_allclose(log_odds(other, items), log_odds(untrained, items) / 2, atol=1e-5)


def test_a_preference_for_a_letter_adds_to_its_log_odds(untrained):
    items = plants.reviews(20, 0)
    task = plants.LETTERS | {"orders": "cyclic"}
    case = plants.Case("", "", lambda: untrained, task, biased=3.0)
    fond, plain = (one.predict(items) for one in (case.candidate(), replace(case, biased=None).candidate()))
    # With the options in both orders, what one gains the other gains as well.
    shares = [rows.values[:, 0].reshape(-1, 2) for rows in (fond, plain)]
    np.testing.assert_allclose(np.log(shares[0]) @ [1, -1], np.log(shares[1]) @ [1, -1], atol=1e-4)
    assert (fond.values[:, 2] > plain.values[:, 2] + 0.1).all()


def test_weights_on_a_grid_have_so_many_values(untrained):
    weight = plants.rounded(untrained, 3).lm_head.weight.detach().numpy()
    assert max(len(np.unique(row)) for row in weight) <= 8


def test_a_template_may_leave_out_the_system_message(untrained):
    items = plants.reviews(2, 0)
    whole = plants.opened(untrained, "model", plants.CHOOSE).prompts_of(items)
    without = plants.opened(
        untrained, "model", plants.CHOOSE, words=plants.tokenizer(plants.WITHOUT_SYSTEM)
    ).prompts_of(items)
    assert whole == [f"<s> system : be strict </s> {prompt}" for prompt in without]


def test_labels_are_drawn_from_the_score_and_the_system_message():
    rng = np.random.default_rng(0)
    for system, added in plants.SYSTEMS.items():
        share = np.mean([plants.label(0.5, system, rng) for _ in range(4_000)])
        assert share == pytest.approx(1 / (1 + np.exp(-1.5 * (0.5 + added))), abs=0.03)


def test_errors_are_counted_by_what_is_true():
    def result(truth, verdict, rule):
        runs = [{"verdict": verdict, "rules": {"disagreement": rule}}]
        return {"truth": {"disagreement": truth}, "judged": ["disagreement"], "runs": runs}

    equal, other = "EQUIVALENT", "NOT EQUIVALENT"
    found = study.errors([result(0.04, other, other), result(0.04, equal, equal), result(0.06, equal, other)])
    assert found == {"alarms": (1, 2), "passes": (1, 1), "rule alarms": (1, 2), "rule passes": (0, 1)}


@pytest.fixture(scope="module")
def reference():
    return plants.trained(1)


@pytest.fixture(scope="module")
def known(reference):
    shortcut = plants.trained(2, steps=150, start=reference, marked=0.5, rate=1e-3)
    chosen = {
        "choices": {
            *("the same again", "other batches, 5 rows at a time", "rounded weights, 8 bits", "temperature, 2"),
            *("a shortcut, same answers, 40%", "another system prompt"),
            *("prefers A, one order, 2", "prefers A, cyclic orders, 2"),
        },
        "tokens": {"the same again", "rounded weights, 8 bits", "rounded weights, 3 bits", "temperature, 1.5"},
    }
    every = plants.cases(reference, again=reference, shortcut=shortcut)
    asked = replace(study.asked_of(reference, size=1_200, texts=200), explained=100)
    made = study.know(asked, [case for case in every if case.name in chosen[case.task["task"]]])
    return {(one.task, one.case.name): one for one in made}


def runs(known, monkeypatch):
    monkeypatch.setattr(study, "known", list(known.values()))
    monkeypatch.setattr(study, "SIZES", {"choices": (400,), "tokens": (150,)})
    monkeypatch.setattr(study, "RESAMPLES", 200)
    return study.studied(RUNS, 1)


@pytest.mark.long
def test_verdicts_are_hardly_ever_wrong(known, monkeypatch):
    results = runs(known, monkeypatch)
    for wrong, of in study.errors(results).values():
        assert of >= RUNS
        assert wrong <= 0.05 * of
    passed = {(r["task"], r["name"]) for r in results if all(one["verdict"] == "EQUIVALENT" for one in r["runs"])}
    assert {("choices", "the same again"), ("tokens", "the same again"), ("tokens", "rounded weights, 8 bits")} <= (
        passed
    )


@pytest.mark.long
def test_what_changes_nothing_is_within_every_margin(known):
    for (_, name), one in known.items():
        if name.startswith(("the same", "other batches", "rounded weights, 8")):
            judged = [measure for d in one.policy.required for measure in one.policy.rules[d]]
            assert study.worst({"truth": one.truth, "judged": judged}) < 0.5, name


@pytest.mark.long
def test_a_temperature_changes_certainty_and_no_answer(known):
    truth = known["choices", "temperature, 2"].truth
    assert truth["disagreement"] == 0
    assert truth["accuracy_difference"] == 0
    assert truth["confidence_profile_distance"] > 0.05
    assert truth["alignment_shapley"] > 0.99
    truth = known["tokens", "temperature, 1.5"].truth
    assert truth["same_top"] > 0.999
    assert truth["token_kl_excess"] > 0.01
    assert truth["nll_per_byte_ratio"] > 1.005
    assert truth["confidence_profile_distance"] > 0.05


@pytest.mark.long
def test_a_shortcut_of_equal_accuracy_is_seen_by_what_the_model_looks_at(known):
    truth = known["choices", "a shortcut, same answers, 40%"].truth
    assert truth["accuracy_difference"] > -0.01
    assert truth["alignment_lime"] < 0.95
    assert truth["alignment_shapley"] < 0.95


@pytest.mark.long
def test_a_preference_for_a_letter_is_an_order_effect(known):
    one, cyclic = (known["choices", f"prefers A, {orders}, 2"].truth for orders in ("one order", "cyclic orders"))
    assert one["order_effect_difference"] > 0.1
    assert cyclic["order_effect_difference"] > 0.1
    assert one["disagreement"] > 3 * cyclic["disagreement"]


@pytest.mark.long
def test_another_system_prompt_changes_answers(known):
    assert known["choices", "another system prompt"].truth["disagreement"] > 0.05


@pytest.mark.long
def test_a_template_without_the_system_message_is_found_before_the_verdict(reference, tmp_path):
    plants.saved(reference, tmp_path / "large")
    plants.saved(reference, tmp_path / "deaf", plants.tokenizer(plants.WITHOUT_SYSTEM))
    large, deaf = (open_model(tmp_path / x, name=x, options={"task": plants.CHOOSE}) for x in ("large", "deaf"))
    items = plants.reviews(600, 3)
    result = trusteq.audit(large, {"deaf": deaf}, items, explain=False, costs="none", resamples=200)
    (finding,) = [one for one in result["deaf"].candidate.findings if one.kind == "other prompts"]
    assert "reads other prompts than large, in 600 of 600" in finding.message
    assert result["deaf"].verdict.outcome == "NOT EQUIVALENT"
    plants.saved(plants.rounded(reference, 8), tmp_path / "small")
    other = open_model(tmp_path / "small", name="kind", options={"task": plants.KIND})
    with pytest.raises(ModelError, match="kind is asked by another task file"):
        trusteq.audit(large, {"kind": other}, items, explain=False, costs="none")
