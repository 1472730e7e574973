import numpy as np
import pytest
from hypothesis import given, settings
from oracles import bootstrap
from oracles import calibration as oracle
from oracles.pairs import coarse_models, drawn, pair_of, two_labels
from scipy import stats

from trusteq.comparing.bins import FINE_EDGES
from trusteq.comparing.confidence import (
    calibrated_null,
    confidence_profiles,
    overconfidence,
    profile_area,
    profile_distance,
    profile_gap,
    reliability_table,
    saturation,
)
from trusteq.stats.proportions import wilson


def profiles(reference, candidate, **options):
    p, q = two_labels(reference, [1] * len(reference))[0], two_labels(candidate, [1] * len(candidate))[0]
    return confidence_profiles(pair_of(p, q, **options))


def test_confidence_figures_by_hand():
    found = {name: e.value for name, e in profiles([0.6, 0.8, 1.0], [0.7, 0.6, 0.9]).items()}
    assert found["confidence_reference"] == pytest.approx(0.8)
    assert found["confidence_candidate"] == pytest.approx(2.2 / 3)
    assert found["confidence_shift"] == pytest.approx(-0.2 / 3)
    assert found["confidence_shift_absolute"] == pytest.approx(0.4 / 3)
    # Sorted .6 .8 1 against .6 .7 .9.
    assert found["confidence_profile_distance"] == pytest.approx(0.2 / 3)
    assert found["confidence_shift_q50"] == pytest.approx(-0.1)


def test_profiles_can_be_equal_while_every_items_confidence_moves():
    found = profiles([0.6, 0.9], [0.9, 0.6])
    assert found["confidence_profile_distance"].value == 0.0
    assert found["confidence_shift_absolute"].value == pytest.approx(0.3)


def test_the_distance_is_exactly_zero_for_a_model_and_itself():
    e = profiles([0.6, 0.8, 1.0], [0.6, 0.8, 1.0])["confidence_profile_distance"]
    assert e.low == e.value == e.high == 0.0


def test_the_distance_is_one_half_from_one_half_to_one():
    assert profiles([0.5] * 4, [1.0] * 4)["confidence_profile_distance"].value == pytest.approx(0.5)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(coarse_models(models=2))
def test_the_distance_is_the_mean_gap_of_sorted_confidences(models):
    p, q, gold = models
    pair = pair_of(p, q, gold, resamples=5)
    e = confidence_profiles(pair)["confidence_profile_distance"]
    reference, candidate = pair.reference.confidence, pair.candidate.confidence
    assert e.value == pytest.approx(oracle.wasserstein(reference, candidate), abs=1e-12)
    assert e.value == pytest.approx(stats.wasserstein_distance(reference, candidate), abs=1e-12)
    assert e.low <= e.value <= e.high


def test_the_distances_draws_are_those_of_the_resampled_items():
    rng = np.random.default_rng(0)
    p, q = (two_labels(rng.uniform(0.5, 1, 40), [1] * 40)[0] for _ in range(2))
    pair = pair_of(p, q, resamples=300)
    a, b = pair.reference.confidence, pair.candidate.confidence
    draws = bootstrap.draws(pair.resampling, lambda at: oracle.wasserstein(a[at], b[at]))
    value = oracle.wasserstein(a, b)
    low, high = np.quantile(draws, [0.025, 0.975])
    e = confidence_profiles(pair)["confidence_profile_distance"]
    # The draws are computed on cells half a percent wide.
    assert e.low == pytest.approx(max(0, min(low, 2 * value - high)), abs=3e-3)
    assert e.high == pytest.approx(max(high, 2 * value - low), abs=3e-3)


def test_overconfidence_is_confidence_less_accuracy():
    p, gold = two_labels([0.9, 0.7], [1, 0])
    q, _ = two_labels([0.6, 0.6], [1, 0])
    found = {name: e.value for name, e in overconfidence(pair_of(p, q, gold)).items()}
    assert found == pytest.approx(
        {"overconfidence_reference": 0.3, "overconfidence_candidate": 0.1, "overconfidence_difference": -0.2}
    )


def test_the_shift_of_confidence_needs_no_labels():
    pair = pair_of([[0.6, 0.4]], [[0.7, 0.3]])
    assert confidence_profiles(pair)["confidence_shift"].value == pytest.approx(0.1)


# The reliability table -----------------------------------------------------------------------------


def test_the_reliability_table_by_hand():
    p, gold = two_labels([0.9, 0.95, 1.0, 0.5, 0.6], [1, 1, 0, 0, 1])
    rows = reliability_table(pair_of(p, p, gold).reference)
    assert [(row["low"], row["high"]) for row in rows] == [(k / 10, (k + 1) / 10) for k in range(10)]
    assert [row["count"] for row in rows] == [0, 0, 0, 0, 0, 1, 1, 0, 0, 3]
    assert rows[9]["share"].value == pytest.approx(0.6)
    assert rows[9]["confidence"] == pytest.approx(0.95)
    assert rows[9]["accuracy"].value == pytest.approx(2 / 3)
    assert (rows[9]["accuracy"].low, rows[9]["accuracy"].high) == pytest.approx(wilson(2 / 3, 3, level=0.95))
    assert rows[0]["share"].value == 0.0
    assert rows[0]["confidence"] is rows[0]["accuracy"] is None


def test_the_reliability_table_holds_every_item():
    p, _, gold = drawn(500, 3, 0)
    assert sum(row["count"] for row in reliability_table(pair_of(p, p, gold).reference)) == 500


def test_the_reliability_table_without_labels_has_no_accuracy():
    p = np.array([[0.9, 0.1]])
    assert {row["accuracy"] for row in reliability_table(pair_of(p, p).reference)} == {None}


# The calibrated null -------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [60, 600])
def test_the_calibrated_null_is_what_a_bernoulli_simulation_gives(n):
    rng = np.random.default_rng(0)
    confidence = 0.5 + 0.5 * rng.beta(2, 1, n)
    p, gold = two_labels(confidence, [1] * n)
    null = calibrated_null(pair_of(p, p, gold).reference, seed=0)
    errors = []
    for _ in range(400):
        right = rng.random(n) < confidence
        errors.append((oracle.ece(confidence, right), oracle.mce(confidence, right)))
    for name, values in zip(("ece", "mce"), np.transpose(errors), strict=True):
        assert null[name]["mean"] == pytest.approx(values.mean(), rel=0.06)
        assert null[name]["q95"] == pytest.approx(np.quantile(values, 0.95), rel=0.1)


def test_the_calibrated_null_of_a_model_that_is_always_certain_is_exactly_zero():
    p, gold = two_labels([1.0] * 9, [1] * 9)
    assert calibrated_null(pair_of(p, p, gold).reference, seed=0) == {
        "ece": {"mean": 0.0, "q95": 0.0},
        "mce": {"mean": 0.0, "q95": 0.0},
    }


def test_the_calibrated_null_falls_as_the_root_of_n():
    small, large = (
        calibrated_null(pair_of(p, p, gold).reference, seed=0)["ece"]["mean"]
        for p, gold in (two_labels(np.tile([0.65, 0.75, 0.85], n), [1] * 3 * n) for n in (50, 5_000))
    )
    assert large == pytest.approx(small / 10, rel=0.05)


def test_saturation_counts_confidences_of_exactly_one_and_distinct_ones():
    p, gold = two_labels([1.0, 1.0, np.nextafter(1, 0), 0.5], [1] * 4)
    assert saturation(pair_of(p, p, gold).reference) == {"certain": 0.5, "distinct": 3.0}


def test_the_interval_of_the_profile_distance_holds_zero_for_two_models_of_one_kind():
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        a, b = (0.5 + 0.5 * rng.beta(2, 1, 200) for _ in range(2))
        covered += profiles(a, b, resamples=200)["confidence_profile_distance"].low == 0
    assert covered >= 92


@pytest.mark.parametrize(("one", "other"), [(0, 40), (100, 140), (150, len(FINE_EDGES) - 1)])
def test_the_area_between_profiles_on_the_fine_edges_is_their_distance(one, other):
    reference, candidate = (np.eye(len(FINE_EDGES))[[at]] for at in (one, other))
    expected = profile_distance(FINE_EDGES[[one]], FINE_EDGES[[other]])
    assert profile_area(profile_gap(reference, candidate)) == pytest.approx([expected])
