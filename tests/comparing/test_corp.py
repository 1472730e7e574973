import numpy as np
import pytest
from hypothesis import given, settings
from oracles import bootstrap
from oracles import calibration as oracle
from oracles.pairs import coarse_models, drawn, pair_of, two_labels

from trusteq.comparing.corp import _binned_parts, corp, parts

FEW = settings(derandomize=True, deadline=None, max_examples=60)


def test_the_parts_by_hand():
    # Isotonic: .6 -> 0, .8 -> 1 and .9 -> 0 pooled to 1/2. Score (.36 + .04 + .81) / 3, best (0 + .25 + .25) / 3,
    # base rate 1/3 scores 2/9.
    found = parts(np.array([0.6, 0.8, 0.9]), np.array([False, True, False]))
    assert found == pytest.approx((1.21 / 3 - 0.5 / 3, 2 / 9 - 0.5 / 3, 2 / 9))


@FEW
@given(coarse_models(max_items=20))
def test_the_parts_are_those_of_pooled_adjacent_violators(models):
    p, gold = models
    answers = pair_of(p, p, gold).reference
    found = parts(answers.confidence, answers.right)
    assert found == pytest.approx(oracle.corp(answers.confidence, answers.right), abs=1e-12)
    assert min(found) >= 0


@pytest.mark.parametrize("seed", range(3))
def test_the_parts_add_up_to_the_score(seed):
    p, _, gold = drawn(200, 3, seed)
    answers = pair_of(p, p, gold).reference
    miscalibration, discrimination, uncertainty = parts(answers.confidence, answers.right)
    score = np.square(answers.confidence - answers.right).mean()
    assert miscalibration - discrimination + uncertainty == pytest.approx(score)


def test_sure_and_wrong_is_all_miscalibration():
    assert parts(np.ones(5), np.zeros(5, dtype=bool)) == (1.0, 0.0, 0.0)


def test_a_confidence_that_separates_right_from_wrong_discriminates_all_uncertainty():
    miscalibration, discrimination, uncertainty = parts(
        np.array([0.5, 0.5, 1.0, 1.0]), np.array([0, 0, 1, 1], dtype=bool)
    )
    assert discrimination == pytest.approx(uncertainty)
    assert (miscalibration, uncertainty) == pytest.approx((0.125, 0.25))


def test_a_confidence_that_never_varies_discriminates_nothing():
    assert parts(np.full(4, 0.7), np.array([1, 0, 1, 0], dtype=bool)) == pytest.approx((0.04, 0.0, 0.25))


def test_a_rising_change_of_confidence_leaves_discrimination():
    p, gold = two_labels(np.random.default_rng(0).uniform(0.5, 1, 100), np.random.default_rng(1).random(100) < 0.7)
    confidence, right = p[:, 0], gold == 0
    assert parts(confidence**3, right)[1:] == pytest.approx(parts(confidence, right)[1:])
    assert parts(confidence**3, right)[0] != pytest.approx(parts(confidence, right)[0])


def test_draws_are_the_parts_of_the_resampled_items_on_the_fine_grid():
    # Confidences on whole percents fall in a cell each, so the grid loses nothing.
    rng = np.random.default_rng(0)
    p, gold = two_labels(rng.integers(50, 99, 30) / 100, rng.random(30) < 0.7)
    answers = pair_of(p, p, gold, resamples=30).reference
    expected = bootstrap.draws(answers.resampling, lambda at: oracle.corp(answers.confidence[at], answers.right[at]))
    assert _binned_parts(answers)[1] == pytest.approx(expected, abs=1e-9)


def test_the_differences_are_candidate_minus_reference():
    found = corp(pair_of(*drawn(100, 3, 0)))
    for name in ("miscalibration", "discrimination", "uncertainty"):
        gap = found[f"{name}_candidate"].value - found[f"{name}_reference"].value
        assert found[f"{name}_difference"].value == pytest.approx(gap)


def test_what_is_noise_alone_is_the_same_for_items_given_twice_in_one_cluster():
    p, gold = two_labels(*(lambda rng: (rng.uniform(0.5, 1, 600), rng.random(600) < 0.75))(np.random.default_rng(0)))
    twice = np.repeat(np.arange(600), 2)
    once = corp(pair_of(p, p, gold, resamples=40))["miscalibration_reference"]
    both = corp(pair_of(p[twice], p[twice], gold[twice], resamples=40, clusters=[str(i) for i in twice]))
    assert both["miscalibration_reference"].value == pytest.approx(once.value)
    assert both["miscalibration_reference"].low == pytest.approx(once.low, abs=0.002)
    assert 0.002 < once.low < once.value


@pytest.mark.slow
def test_the_interval_of_a_calibrated_models_miscalibration_holds_zero():
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        confidence = 0.5 + 0.5 * rng.beta(2, 1, 300)
        p, gold = two_labels(confidence, rng.random(300) < confidence)
        covered += corp(pair_of(p, p, gold, resamples=40, seed=seed))["miscalibration_reference"].low == 0
    assert covered >= 54
