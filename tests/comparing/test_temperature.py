import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.pairs import coarse_models, drawn, pair_of
from scipy import optimize, special

from trusteq import Pair
from trusteq.comparing import temperature as module
from trusteq.comparing.answers import Answers
from trusteq.comparing.confidence import confidence_profiles
from trusteq.comparing.temperature import HOTTEST, fit_inverse_temperature, remedy, scaled
from trusteq.data.predictions import softmax
from trusteq.stats.resampling import Resampling
from trusteq.stats.rows import floored_log
from trusteq.tasks.outcomes import Outcomes


def logits(n, labels, seed):
    return np.random.default_rng(seed).normal(size=(n, labels)) * 2


def test_scaling_by_beta_is_the_softmax_of_the_logits_times_beta():
    z = logits(5, 3, 0)
    assert scaled(np.log(softmax(z)), 0.7) == pytest.approx(softmax(0.7 * z))


@pytest.mark.parametrize("factor", [0.5, 2.0, 1.3])
def test_a_candidate_whose_logits_are_the_references_divided_is_matched_by_that_divisor_inverted(factor):
    # Candidate z / 2: cooling it by T = 1/2 gives z / 2 / (1/2) = z back.
    z = logits(300, 3, 1)
    mended = remedy(pair_of(softmax(z), softmax(z / factor)), "matched")
    assert mended.temperature.value == pytest.approx(1 / factor, rel=1e-6)
    assert mended.pair.candidate.probabilities == pytest.approx(softmax(z), abs=1e-6)
    assert confidence_profiles(mended.pair)["confidence_profile_distance"].value == pytest.approx(0, abs=1e-6)


def test_a_model_matched_to_itself_has_temperature_one():
    p, _, _ = drawn(100, 3, 0)
    mended = remedy(pair_of(p, p), "matched")
    assert mended.temperature.value == pytest.approx(1.0, abs=1e-9)
    assert mended.pair.candidate.probabilities == pytest.approx(p, abs=1e-9)


def test_a_candidate_as_sure_as_the_reference_stays_so_however_much_they_disagree():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(5_000, 3)) * 2
    p, q = (softmax(z + rng.normal(size=z.shape)) for _ in range(2))
    pair = pair_of(p, q)
    mended = remedy(pair, "matched")
    assert mended.temperature.low < 1 < mended.temperature.high
    before, after = (confidence_profiles(x)["confidence_profile_distance"].value for x in (pair, mended.pair))
    assert after < before + 0.002
    # The temperature of least divergence would make the candidate clearly less sure.
    assert fit_inverse_temperature(np.log(q), p) < 0.9


def test_matching_brings_the_mean_confidence_to_the_references():
    p, q, _ = drawn(500, 3, 4)
    beta = fit_inverse_temperature(np.log(q), p.max(axis=1))
    assert scaled(np.log(q), beta).max(axis=1).mean() == pytest.approx(p.max(axis=1).mean(), abs=1e-9)


@pytest.mark.parametrize("planted", [0.5, 1.0, 2.0])
def test_recalibration_recovers_a_planted_temperature(planted):
    rng = np.random.default_rng(3)
    z = logits(8_000, 4, 2)
    gold = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    p = softmax(z * planted)
    e = remedy(pair_of(p, p, gold, resamples=400), "recalibrated").temperature
    assert e.low < planted < e.high
    assert e.value == pytest.approx(planted, rel=0.05)


def test_the_temperatures_interval_covers():
    covered = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(200, 3)) * 2
        gold = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
        pair = pair_of(softmax(z), softmax(z * 1.5), gold, resamples=300, seed=seed)
        e = remedy(pair, "recalibrated").temperature
        covered += e.low <= 1.5 <= e.high
    assert covered >= 0.89 * 150


@settings(derandomize=True, deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), labels=st.integers(2, 5))
def test_the_fit_is_the_minimum_of_the_cross_entropy(seed, labels):
    rng = np.random.default_rng(seed)
    logs = np.log(softmax(rng.normal(size=(30, labels)) * 3))
    wanted = softmax(rng.normal(size=(30, labels)))

    def cross_entropy(log_beta):
        return -(wanted * np.log(np.maximum(scaled(logs, np.exp(log_beta)), 1e-300))).sum(axis=1).mean()

    best = optimize.minimize_scalar(cross_entropy, bounds=(np.log(0.02), np.log(50)), options={"xatol": 1e-9})
    beta = fit_inverse_temperature(logs, wanted)
    assert cross_entropy(np.log(beta)) <= best.fun + 1e-10
    assert 0.02 <= beta <= 50


def test_a_model_that_is_always_right_is_cooled_to_the_bound():
    p = np.tile([0.8, 0.2], (20, 1))
    assert remedy(pair_of(p, p, [0] * 20), "recalibrated").temperature.value == pytest.approx(0.02, rel=1e-3)


def test_a_model_worse_than_chance_is_heated_to_the_bound():
    p = np.tile([0.8, 0.2], (20, 1))
    assert remedy(pair_of(p, p, [1] * 20), "recalibrated").temperature.value == pytest.approx(50, rel=1e-3)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(coarse_models(models=2), st.sampled_from(["matched", "recalibrated"]))
def test_a_temperature_and_its_interval_stay_within_the_bounds_of_the_fit(models, target):
    e = remedy(pair_of(*models, resamples=20), target).temperature
    assert 0.02 * (1 - 1e-9) <= e.low <= e.value <= e.high <= 50 * (1 + 1e-9)


def test_a_model_that_knows_nothing_has_any_temperature():
    p, _, gold = drawn(60, 3, 0)
    for target in ("matched", "recalibrated"):
        mended = remedy(pair_of(p, np.full((60, 3), 1 / 3), gold), target)
        assert (mended.temperature.low, mended.temperature.high) == pytest.approx((0.02, 50.0))
        assert mended.pair.candidate.probabilities == pytest.approx(np.full((60, 3), 1 / 3))


def test_a_temperature_changes_no_answer():
    p, q, gold = drawn(400, 4, 1)
    pair = pair_of(p, q, gold)
    for target in ("matched", "recalibrated"):
        assert (remedy(pair, target).pair.candidate.answer == pair.candidate.answer).all()


@pytest.mark.parametrize("clusters", [None, [f"{i // 3}" for i in range(60)]])
def test_every_item_is_cooled_by_a_fit_that_saw_neither_it_nor_its_cluster(monkeypatch, clusters):
    p, q, _ = drawn(60, 3, 0)
    pair = pair_of(p, q, clusters=clusters)
    logs = floored_log(pair.candidate.probabilities)
    fits = []

    def remembered(seen, wanted, **_):
        if len(seen) == 60:
            return 1.0
        # A temperature that tells this fit from the others.
        fits.append((1.0 + len(fits) / 10, {row.tobytes() for row in seen}))
        return fits[-1][0]

    monkeypatch.setattr(module, "fit_inverse_temperature", remembered)
    cooled = remedy(pair, "matched").pair.candidate.probabilities
    assert len(fits) == 5
    groups = np.arange(60) if clusters is None else np.array([int(c) for c in clusters])
    for i in range(60):
        (used,) = [seen for beta, seen in fits if np.allclose(scaled(logs[[i]], beta), cooled[[i]], rtol=1e-12, atol=0)]
        assert not any(logs[j].tobytes() in used for j in np.flatnonzero(groups == groups[i]))


def test_an_item_by_itself_is_fitted_whole():
    p, q, gold = drawn(1, 3, 0)
    assert np.isfinite(remedy(pair_of(p, q, gold), "matched").pair.candidate.probabilities).all()


def without_distribution(confidence, right):
    return Outcomes(np.zeros(len(confidence), dtype=np.int64), np.asarray(confidence), np.asarray(right))


@pytest.mark.parametrize("least", [0.05, 0.5])
def test_a_temperature_of_confidences_alone_divides_their_log_odds(least):
    """By a slow search for the least log loss; some confidences are below one half, as with many options."""
    rng = np.random.default_rng(11)
    confidence = rng.uniform(least, 0.99, 400)
    right = rng.random(400) < special.expit(special.logit(confidence) / 2)
    sample = Resampling(400, resamples=200)
    pair = Pair(*(Answers(without_distribution(confidence, right), sample) for _ in range(2)))

    def loss(log_t):
        p = special.expit(special.logit(confidence) / np.exp(log_t))
        return -np.log(np.where(right, p, 1 - p)).mean()

    slow = np.exp(optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9}).x)
    made = remedy(pair, "recalibrated")
    assert made.temperature.value == pytest.approx(slow, rel=1e-5)
    assert made.temperature.low < 2 < made.temperature.high
    cooled = special.logit(made.pair.candidate.confidence) / special.logit(confidence)
    assert len(np.unique(np.round(1 / cooled, 9))) == 5
    assert (made.pair.candidate.outcomes.right == right).all()


def test_the_nearest_temperature_matches_where_some_confidences_fall_as_others_rise():
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.1, 0.95, 500)
    wanted = special.expit(special.logit(confidence) * 1.4)
    sample, known = Resampling(500, resamples=20), np.ones(500, dtype=bool)
    pair = Pair(*(Answers(without_distribution(c, known), sample) for c in (wanted, confidence)))
    assert remedy(pair, "matched").temperature.value == pytest.approx(1 / 1.4, rel=1e-6)


def test_where_no_temperature_matches_the_closest_is_taken():
    """All below one half: hot or cold, they never come to 0.9; the hottest brings them nearest."""
    known = np.ones(50, dtype=bool)
    sample = Resampling(50, resamples=20)
    pair = Pair(*(Answers(without_distribution(np.full(50, c), known), sample) for c in (0.9, 0.3)))
    assert remedy(pair, "matched").temperature.value == pytest.approx(HOTTEST)
