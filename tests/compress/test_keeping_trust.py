"""What bench/keeping_trust.py measures and trains with that trusteq itself does not have."""

import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

import keeping_trust
from keeping_trust_arms import Beside, opened, saliency
from keeping_trust_measures import integrated_gradients, of_tokens
from keeping_trust_tables import Measured, aligned, fewer, flips, transferred

from trusteq.explain.splice import splicer
from trusteq.explain.words import words


@pytest.fixture(scope="module")
def model(large):
    found = opened(large)
    found.model.double()
    return found


def probability(model, ids, types, target):
    with torch.no_grad():
        logits = model.model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types])).logits
    return float(torch.softmax(logits, dim=1)[0, target])


@pytest.fixture
def in_float64(monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *_: nullcontext())


def test_integrated_gradients_add_up_to_what_padding_the_text_changes(model, texts, in_float64):
    complete = splicer(model).tokenizer.encode(texts(1, 3)[0])
    special = np.array(complete.special_tokens_mask, dtype=bool)
    padded = np.where(special, complete.ids, model.tokenizer.pad_token_id).tolist()
    whole, nothing = (probability(model, ids, complete.type_ids, 1) for ids in (complete.ids, padded))
    attributions = of_tokens(model, complete, 1, steps=200)
    assert attributions.sum() == pytest.approx(whole - nothing, abs=1e-3)
    assert (attributions[special] == 0).all()


def test_attributions_of_words_are_centred_and_one_for_each(model, texts):
    units = [words((text,)) for text in texts(3, 5)]
    for of, attributions in zip(units, integrated_gradients(model, units, np.array([0, 1, 0])), strict=True):
        assert len(attributions) == len(of)
        assert attributions.sum() == pytest.approx(0, abs=1e-6)


def test_a_further_loss_adds_its_gradient_to_that_of_the_logits():
    weight = torch.tensor([2.0, 3.0], requires_grad=True)
    logits = Beside.apply(weight * 5, weight.square().sum())
    logits.sum().backward()
    assert weight.grad.tolist() == [5 + 4, 5 + 6]


def test_a_model_rests_its_answer_on_the_same_tokens_as_itself_and_on_no_padding(model, texts, in_float64):
    rows = model.encode([(text,) for text in texts(4, 7)])
    inputs = model.inputs(rows, np.arange(4))
    _, found = saliency(model.model, inputs, torch.zeros(4, dtype=torch.long))
    _, again = saliency(model.model, inputs, torch.zeros(4, dtype=torch.long), create_graph=True)
    assert torch.allclose(found, again)
    assert torch.allclose(found.square().sum(dim=1), torch.ones(4, dtype=found.dtype))
    assert (found[inputs["attention_mask"] == 0] < 1e-4).all()


def a_run(flipped, share):
    """Of 40 items: these many flips, and attributions at this cosine with the teacher's."""
    ones = np.ones(40)
    changed = np.arange(40) < flipped
    return Measured({}, changed, ones, {"lime": np.stack([share * ones, ones, ones])}, np.ones((2, 3, 40)))


def test_differences_are_those_of_the_means_over_runs():
    pairs = [(a_run(2, 0.9), a_run(4, 0.8)), (a_run(4, 0.7), a_run(8, 0.4))]
    assert flips(pairs).value == pytest.approx(-3 / 40)
    assert aligned(pairs, "lime").value == pytest.approx((0.1 + 0.3) / 2)
    assert fewer(pairs)[0] == "15.0 to 7.5 %"
    assert fewer(pairs)[1].startswith("50 %")


def test_an_arm_does_not_differ_from_itself():
    pairs = [(a_run(3, 0.9), a_run(3, 0.9))]
    for estimate in (flips(pairs), aligned(pairs, "lime"), transferred(pairs)):
        assert (estimate.value, estimate.low, estimate.high) == (0, 0, 0)


def test_a_stored_cell_is_not_computed_again(tmp_path):
    study = keeping_trust.Study(tmp_path, tmp_path)
    key = {"task": "snli", "teacher": 0, "what": "rate", "arm": "kd, T = 2, and labels"}
    assert study.cell(key, lambda: {"found": 1})["found"] == 1
    assert study.cell(key, lambda: {"found": 2})["found"] == 1
    assert study.cell({**key, "rate": 1}, lambda: {"found": 2})["found"] == 2


def test_two_processes_do_not_work_on_one_cell(tmp_path):
    with (
        keeping_trust.locked(tmp_path / "cell"),
        pytest.raises(keeping_trust.BusyError),
        keeping_trust.locked(tmp_path / "cell"),
    ):
        pass
    with keeping_trust.locked(tmp_path / "cell"):
        pass
