"""Single measures, called as evaluate's are: the very numbers of an audit, and errors that say what to give."""

import numpy as np
import pandas as pd
import pytest
from cases import probabilities

import trusteq
from trusteq import OptionError
from trusteq.metrics import load, names

LARGE, SMALL, GOLD = probabilities(200, noise=0.5, sharpness=1.5)


@pytest.fixture(scope="module")
def audited():
    result = trusteq.compare(LARGE, SMALL, GOLD, resamples=100)
    return {name: e for group in result["candidate"].measures.values() for name, e in group.items()}


@pytest.mark.parametrize("name", names())
def test_every_number_is_that_of_the_audit(name, audited):
    metric = load(name)
    alone = metric.module_type == "metric"
    inputs = {"predictions": SMALL} if alone else {"predictions1": LARGE, "predictions2": SMALL}
    e = audited[f"{name}_candidate" if alone else name]
    found = metric.compute(**inputs, references=GOLD, resamples=100)
    assert list(found) == [name, f"{name}_low", f"{name}_high", f"{name}_n"]
    np.testing.assert_array_equal(list(found.values()), [e.value, e.low, e.high, e.n])


def test_known_answers():
    large = np.array([[0.9, 0.1]] * 8)
    small = np.array([[0.9, 0.1]] * 6 + [[0.2, 0.8]] * 2)
    assert load("disagreement").compute(predictions1=large, predictions2=small, resamples=100)["disagreement"] == 0.25
    accuracy = load("accuracy")
    assert accuracy.compute(predictions=small, references=[0] * 7 + [1], resamples=100)["accuracy"] == 0.875
    assert (accuracy.module_type, load("accuracy_difference").module_type) == ("metric", "comparison")


def test_what_needs_no_labels_is_the_same_with_and_without_them():
    metric = load("disagreement")
    pair = {"predictions1": LARGE, "predictions2": SMALL, "resamples": 100}
    assert metric.compute(**pair) == metric.compute(**pair, references=GOLD)


def test_batches_are_computed_together_and_only_once():
    metric = load("smooth_ece")
    for at in (slice(0, 70), slice(70, 200)):
        metric.add_batch(predictions=SMALL[at], references=GOLD[at])
    assert metric.compute(resamples=100) == metric.compute(predictions=SMALL, references=GOLD, resamples=100)
    metric.add_batch(predictions=SMALL, references=GOLD)
    with pytest.raises(OptionError, match="there are batches already"):
        metric.compute(predictions=SMALL, references=GOLD)


def test_batches_of_data_frames_are_joined_by_their_columns(one_line):
    frame = pd.DataFrame(SMALL, columns=["no", "yes", "perhaps"][: SMALL.shape[1]])
    turned = frame[frame.columns[::-1]]
    metric, both = load("disagreement"), {"resamples": 100}
    for at in (slice(0, 70), slice(70, 200)):
        metric.add_batch(predictions1=frame[at], predictions2=turned[at])
    found = metric.compute(**both)
    assert found == load("disagreement").compute(predictions1=frame, predictions2=turned, **both)
    assert found["disagreement"] == 0
    for other in (SMALL[:9], frame[:9].rename(columns={"no": "other"})):
        metric.add_batch(predictions1=frame, predictions2=frame)
        metric.add_batch(predictions1=frame[:9], predictions2=other)
        with pytest.raises(OptionError) as caught:
            metric.compute(**both)
        one_line(caught, "predictions2: batches must all be data frames with the same columns")


def test_references_of_some_batches_are_refused():
    metric = load("disagreement")
    metric.add_batch(predictions1=SMALL, predictions2=SMALL, references=None)
    metric.add_batch(predictions1=SMALL, predictions2=SMALL, references=GOLD)
    with pytest.raises(OptionError, match="references: some batches have them and some do not"):
        metric.compute(resamples=100)


def test_items_are_in_the_order_of_an_audit():
    labels = ["no", "yes", "perhaps"][: SMALL.shape[1]]
    order = np.random.default_rng(0).permutation(200)
    ids = [f"i{i:03}" for i in range(200)]
    large, small = (pd.DataFrame(p, columns=labels).assign(id=ids).iloc[order] for p in (LARGE, SMALL))
    gold = np.asarray(GOLD)[order]
    e = trusteq.compare(large, small, gold, resamples=100)["candidate"].flat["brier_difference"]
    found = load("brier_difference").compute(predictions1=large, predictions2=small, references=gold, resamples=100)
    assert [found["brier_difference_low"], found["brier_difference_high"]] == [e.low, e.high]


def test_batches_of_different_inputs_are_refused():
    metric = load("accuracy")
    metric.add_batch(predictions=SMALL, references=GOLD)
    with pytest.raises(OptionError, match="every batch needs predictions, references, as the first has"):
        metric.add_batch(predictions=SMALL)


@pytest.mark.parametrize(
    ("name", "inputs", "said"),
    [
        ("disagreement", {"predictions1": LARGE}, "needs predictions2"),
        ("accuracy", {"predictions": SMALL}, "needs references, the gold labels"),
        ("accuracy", {"predictions1": LARGE}, "takes predictions, references, not predictions1"),
    ],
)
def test_what_is_missing_or_too_much_is_said(name, inputs, said, one_line):
    with pytest.raises(OptionError) as caught:
        load(name).compute(**inputs)
    one_line(caught, f"measure {name}: ", said)


def test_an_unknown_name_is_answered_with_a_similar_one():
    with pytest.raises(OptionError, match=r"no measure 'disagreements' of predictions; did you mean disagreement\?"):
        load("disagreements")


def test_every_measure_says_what_it_is():
    assert load("accuracy").description == "accuracy (behaviour); needs gold labels"
    assert all(load(name).description for name in names())
    assert len(names()) > 30


@pytest.mark.filterwarnings("default")
def test_evaluate_combines_it_with_its_own():
    evaluate = pytest.importorskip("evaluate")
    both = evaluate.combine([load("accuracy"), load("smooth_ece")])
    found = both.compute(predictions=SMALL, references=GOLD)
    assert found["accuracy"] == load("accuracy").compute(predictions=SMALL, references=GOLD)["accuracy"]
    assert 0 < found["smooth_ece_low"] < found["smooth_ece"]
