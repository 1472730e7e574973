import numpy as np
import pytest
from hypothesis import given, settings
from oracles import bootstrap
from oracles import calibration as oracle
from oracles.pairs import coarse_models, drawn, pair_of

from trusteq.comparing import noise_bias
from trusteq.comparing.binned_calibration import binned_calibration
from trusteq.comparing.labelwise_calibration import classwise, labelwise_calibration, top_label

FEW = settings(derandomize=True, deadline=None, max_examples=40)


def test_top_label_ece_by_hand():
    # Answer 0 at .75, half right: gap .25 on 2 of 4 items; answer 1 at .75, all right: gap .25 on the other 2.
    p = [[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.25, 0.75]]
    assert top_label(pair_of(p, p, [0, 1, 1, 1]).reference).value == pytest.approx(0.25)


def test_classwise_ece_by_hand():
    # Label 0: .75 twice with 1 of 2, .25 twice with 0 of 2: (.25 + .25) / 2; label 1 mirrors it.
    p = [[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.25, 0.75]]
    assert classwise(pair_of(p, p, [0, 1, 1, 1]).reference).value == pytest.approx(0.25)


def test_a_model_too_sure_of_one_label_and_too_modest_of_another_is_seen_only_label_by_label():
    p = [[0.75, 0.25]] * 4 + [[0.25, 0.75]] * 4
    pair = pair_of(p, p, [0, 0, 1, 1, 1, 1, 1, 1])
    assert binned_calibration(pair)["ece_reference"].value == pytest.approx(0.0)
    assert labelwise_calibration(pair)["top_label_ece_reference"].value == pytest.approx(0.25)


def test_sure_and_wrong_is_exactly_one_and_sure_and_right_exactly_zero():
    p = np.eye(2)[[0, 1, 0]]
    wrong, right = (labelwise_calibration(pair_of(p, p, gold)) for gold in ([1, 0, 1], [0, 1, 0]))
    for name in ("top_label_ece", "classwise_ece"):
        assert wrong[f"{name}_reference"].value == 1.0
        assert right[f"{name}_reference"].value == 0.0


@FEW
@given(coarse_models())
def test_both_are_the_oracles(models):
    p, gold = models
    answers = pair_of(p, p, gold, resamples=3).reference
    assert top_label(answers).value == pytest.approx(oracle.top_label_ece(p.tolist(), gold), abs=1e-12)
    assert classwise(answers).value == pytest.approx(oracle.classwise_ece(p.tolist(), gold), abs=1e-12)


@pytest.mark.parametrize("clusters", [None, list("aabbbccddd") * 2])
def test_their_draws_are_those_of_the_resampled_items(clusters):
    p, _, gold = drawn(20, 3, 0)
    answers = pair_of(p, p, gold, resamples=25, clusters=clusters).reference
    for of, slow in ((top_label, oracle.top_label_ece), (classwise, oracle.classwise_ece)):
        expected = bootstrap.draws(answers.resampling, lambda at, slow=slow: slow(p[at].tolist(), gold[at]))
        assert of(answers).draws == pytest.approx(expected, abs=1e-9)


def test_the_difference_is_candidate_minus_reference():
    found = labelwise_calibration(pair_of(*drawn(100, 3, 2)))
    for name in ("top_label_ece", "classwise_ece"):
        gap = found[f"{name}_candidate"].value - found[f"{name}_reference"].value
        assert found[f"{name}_difference"].value == pytest.approx(gap)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["top_label_ece", "classwise_ece"])
def test_the_interval_of_a_calibrated_model_holds_its_zero(monkeypatch, name):
    monkeypatch.setattr(noise_bias, "SIMULATIONS", 60)
    covered, noisy = 0, 0
    for seed in range(60):
        p, _, _ = drawn(300, 3, seed)
        gold = (np.random.default_rng([seed, 1]).random(300)[:, None] > p.cumsum(axis=1)).sum(axis=1)
        e = labelwise_calibration(pair_of(p, p, gold, resamples=100, seed=seed))[f"{name}_reference"]
        covered += e.low == 0
        noisy += e.value > 0.02
    assert covered >= 54
    assert noisy >= 54
