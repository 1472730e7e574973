import numpy as np
import pytest
from oracles.pairs import drawn, pair_of
from sklearn.metrics import brier_score_loss, log_loss

from trusteq.comparing.scores import brier, nll, scores


def test_brier_is_the_squared_distance_summed_over_labels():
    # (.2 - 1)^2 + .5^2 + .3^2 = .98.
    p = [[0.2, 0.5, 0.3]]
    assert brier(pair_of(p, p, [0]).reference) == pytest.approx([0.98])


def test_nll_is_minus_the_logarithm_of_the_gold_labels_probability():
    p = [[0.2, 0.5, 0.3]]
    assert nll(pair_of(p, p, [1]).reference) == pytest.approx([np.log(2)])


def test_sure_and_wrong_is_brier_two_and_nll_at_the_floor():
    p = [[1.0, 0.0]]
    answers = pair_of(p, p, [1]).reference
    assert brier(answers).tolist() == [2.0]
    assert nll(answers) == pytest.approx([-np.log(1e-12)])


def test_sure_and_right_is_exactly_zero():
    p = [[1.0, 0.0]]
    answers = pair_of(p, p, [0]).reference
    assert brier(answers).tolist() == nll(answers).tolist() == [0.0]


def test_knowing_nothing_of_k_labels_is_brier_one_less_one_kth():
    p = np.full((1, 4), 0.25)
    assert brier(pair_of(p, p, [2]).reference) == pytest.approx([0.75])


def test_half_the_brier_of_two_labels_is_sklearns():
    p, _, gold = drawn(300, 2, 0)
    ours = scores(pair_of(p, p, gold))["brier_reference"].value
    assert ours / 2 == pytest.approx(brier_score_loss(gold, p[:, 1]))


def test_brier_of_many_labels_is_the_mean_distance_from_one_hot():
    p, q, gold = drawn(300, 5, 1)
    found = scores(pair_of(p, q, gold))
    assert found["brier_reference"].value == pytest.approx(np.square(p - np.eye(5)[gold]).sum(axis=1).mean())
    assert found["brier_candidate"].value == pytest.approx(np.square(q - np.eye(5)[gold]).sum(axis=1).mean())


def test_nll_is_sklearns_log_loss():
    p, _, gold = drawn(300, 4, 2)
    assert scores(pair_of(p, p, gold))["nll_reference"].value == pytest.approx(log_loss(gold, p, labels=range(4)))


def test_the_differences_are_candidate_minus_reference():
    found = scores(pair_of(*drawn(200, 3, 3)))
    for name in ("brier", "nll"):
        gap = found[f"{name}_candidate"].value - found[f"{name}_reference"].value
        assert found[f"{name}_difference"].value == pytest.approx(gap)
