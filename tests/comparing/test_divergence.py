import numpy as np
import pytest
from hypothesis import given, settings
from oracles.pairs import coarse_models, drawn, pair_of
from scipy import stats
from scipy.spatial import distance

from trusteq.comparing.divergence import divergence, js, kl


def test_kl_and_js_by_hand():
    pair = pair_of([[0.5, 0.5]], [[0.25, 0.75]])
    # .5 log(.5 / .25) + .5 log(.5 / .75) and the other way round.
    forth, back = 0.5 * np.log(2) + 0.5 * np.log(2 / 3), 0.25 * np.log(0.5) + 0.75 * np.log(1.5)
    found = {name: e.value for name, e in divergence(pair).items()}
    assert found["kl_reference_candidate"] == pytest.approx(forth)
    assert found["kl_candidate_reference"] == pytest.approx(back)
    middle = [0.375, 0.625]
    halves = sum(
        0.5 * p * np.log(p / m) for row in ([0.5, 0.5], [0.25, 0.75]) for p, m in zip(row, middle, strict=True)
    )
    assert found["js"] == pytest.approx(halves)


def test_both_are_those_of_scipy():
    p, q, _ = drawn(50, 4, 0)
    pair = pair_of(p, q)
    assert kl(pair.reference, pair.candidate) == pytest.approx(stats.entropy(p, q, axis=1))
    assert kl(pair.candidate, pair.reference) == pytest.approx(stats.entropy(q, p, axis=1))
    assert js(pair.reference, pair.candidate) == pytest.approx(distance.jensenshannon(p, q, axis=1) ** 2)


def test_a_model_and_itself_are_exactly_zero_apart():
    p, _, _ = drawn(20, 5, 0)
    assert all(e.value == 0.0 for e in divergence(pair_of(p, p)).values())


def test_opposite_certainties_are_log_two_and_the_floor_apart():
    pair = pair_of([[1.0, 0.0]], [[0.0, 1.0]])
    assert js(pair.reference, pair.candidate) == pytest.approx([np.log(2)])
    assert kl(pair.reference, pair.candidate) == pytest.approx([-np.log(1e-12)])


def test_kl_is_finite_where_one_model_rules_a_label_out_and_says_which_way():
    pair = pair_of([[1.0, 0.0]], [[0.5, 0.5]])
    assert kl(pair.reference, pair.candidate) == pytest.approx([np.log(2)])
    assert kl(pair.candidate, pair.reference)[0] > 13


@settings(derandomize=True, deadline=None, max_examples=60)
@given(coarse_models(models=2))
def test_js_is_symmetric_and_between_zero_and_log_two(models):
    p, q, _ = models
    pair = pair_of(p, q, resamples=5)
    forth, back = js(pair.reference, pair.candidate), js(pair.candidate, pair.reference)
    assert forth == pytest.approx(back, abs=1e-15)
    assert (forth >= 0).all()
    assert (forth <= np.log(2)).all()
    for name, e in divergence(pair).items():
        assert e.low <= e.value <= e.high, name


def test_js_of_models_that_share_no_label_never_exceeds_log_two_by_rounding():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(5), 2_000), rng.dirichlet(np.ones(5), 2_000)
    mine = rng.random(p.shape) < 0.5
    mine[:, 0], mine[:, 1] = True, False
    p, q = np.where(mine, p, 0), np.where(mine, 0, q)
    pair = pair_of(p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True), resamples=2)
    assert js(pair.reference, pair.candidate).max() <= np.log(2)


def test_quantiles_are_of_the_items():
    # Nineteen items alike and one far apart: the median is 0, the 99 % quantile is that one.
    p = np.tile([0.9, 0.1], (20, 1))
    q = p.copy()
    q[7] = [0.1, 0.9]
    found = {name: e.value for name, e in divergence(pair_of(p, q)).items()}
    one = 0.8 * np.log(9)
    assert found["kl_reference_candidate_q50"] == 0.0
    assert found["kl_reference_candidate_q90"] == 0.0
    assert found["kl_reference_candidate_q99"] == pytest.approx(one)
    assert found["kl_reference_candidate"] == pytest.approx(one / 20)


def test_a_tail_that_so_few_items_cannot_bound_ends_at_the_measures_own_bound():
    found = divergence(pair_of(*drawn(50, 3, 0)[:2]))
    assert found["js_q99"].high == pytest.approx(np.log(2))
    assert found["kl_reference_candidate_q99"].high == pytest.approx(-np.log(1e-12))
