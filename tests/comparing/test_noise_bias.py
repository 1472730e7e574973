import numpy as np
import pytest
from oracles import calibration as oracle
from oracles.pairs import pair_of, two_labels
from scipy import special

from trusteq.comparing import noise_bias
from trusteq.comparing.binned_calibration import binned_calibration, ece
from trusteq.comparing.bins import FINE_EDGES, wide_bin
from trusteq.comparing.noise_bias import Observed, estimates, fitted_accuracy, forecasts, noise_correction
from trusteq.stats.resampling import Resampling


def answers_of(confidence, right, **options):
    p, gold = two_labels(confidence, right)
    return pair_of(p, p, gold, **options).reference


def simulated(n, seed, *, slope=1.0, shift=0.0):
    rng = np.random.default_rng(seed)
    confidence = 0.5 + 0.5 * rng.beta(2, 1, n) * 0.99
    truth = special.expit(shift + slope * special.logit(confidence))
    return confidence, rng.random(n) < truth


def correction(answers, largest=0.5):
    cells = forecasts(answers.confidence, answers.right, wide_bin(answers.confidence), 10, worth=answers.worth)
    return noise_correction(cells, ece, seed=0, largest=largest)


def fit(answers):
    fine = answers.fine
    return fitted_accuracy(fine.count.total, fine.confidence.total, fine.right.total)


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.6, 0.2), (1.5, -1.0)])
def test_the_fitted_curve_is_the_planted_one(slope, shift):
    answers = answers_of(*simulated(50_000, 1, slope=slope, shift=shift), resamples=2)
    at = np.array([0.6, 0.75, 0.9])
    fitted = fit(answers)[np.searchsorted(FINE_EDGES, at)]
    assert fitted == pytest.approx(special.expit(shift + slope * special.logit(at)), abs=0.02)


@pytest.mark.parametrize("right", [0, 1])
def test_the_fitted_curve_stays_inside_zero_and_one_when_all_answers_are_alike(right):
    fitted = fit(answers_of([1.0] * 5 + [0.5] * 5, [right] * 10))
    assert np.isfinite(fitted).all()
    assert ((fitted >= 0) & (fitted <= 1)).all()


def test_noise_that_both_models_share_cancels_in_candidate_minus_reference():
    draws = np.linspace(0.1, 0.3, 41)
    reference, candidate = (Observed(0.2 + more, draws + more, lambda x: x) for more in (0.0, 0.05))
    found = estimates("ece", reference, candidate, Resampling(100, resamples=41), what="ECE")
    e = found["ece_difference"]
    assert (e.value, e.low, e.high) == pytest.approx((0.05, 0.05, 0.05))
    for name, more in (("ece_reference", 0.0), ("ece_candidate", 0.05)):
        e = found[name]
        assert (e.value, e.low, e.high) == pytest.approx((0.2 + more, 0.105 + more, 0.295 + more))


def test_the_correction_never_rises_where_the_error_falls_and_never_exceeds_it():
    correct = correction(answers_of(*simulated(300, 0), resamples=2))
    observed = np.linspace(0, 0.45, 300)
    true = correct(observed)
    assert (np.diff(true) >= 0).all()
    assert (true >= 0).all()
    assert (true <= observed + 0.005).all()


def test_what_a_calibrated_model_shows_is_read_as_about_nothing():
    found = []
    for seed in range(60):
        confidence, right = simulated(300, seed)
        answers = answers_of(confidence, right, resamples=2)
        value = oracle.ece(answers.confidence, answers.right)
        found.append((value, float(correction(answers)(np.array([value]))[0])))
    shown, true = np.median(found, axis=0)
    assert shown > 0.03
    assert true < 0.4 * shown


def test_a_large_error_to_one_side_is_read_as_it_is():
    answers = answers_of(*simulated(2_000, 0, slope=1.0, shift=-1.5), resamples=2)
    value = oracle.ece(answers.confidence, answers.right)
    assert value > 0.2
    assert correction(answers)(np.array([value])) == pytest.approx([value], rel=0.03)


def test_items_repeated_in_clusters_have_the_noise_of_the_items():
    confidence, right = simulated(200, 3)
    alone = answers_of(confidence, right, resamples=2)
    repeated = answers_of(
        np.repeat(confidence, 4), np.repeat(right, 4), resamples=2, clusters=np.repeat(np.arange(200), 4)
    )
    at = np.array([0.05, 0.1, 0.2])
    assert correction(repeated)(at) == pytest.approx(correction(alone)(at), abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, -0.5])
def test_the_interval_of_ece_covers_calibrated_and_miscalibrated_models(monkeypatch, shift):
    monkeypatch.setattr(noise_bias, "SIMULATIONS", 60)
    truth = float(
        np.mean([oracle.ece(*simulated(20_000, 10_000 + seed, shift=shift)) for seed in range(2)]) if shift else 0.0
    )
    covered = 0
    for seed in range(60):
        p, gold = two_labels(*simulated(400, seed, shift=shift))
        e = binned_calibration(pair_of(p, p, gold, resamples=100, seed=seed))["ece_reference"]
        covered += e.low <= truth <= e.high
    assert covered >= 0.88 * 60


def test_the_correction_is_the_same_for_the_same_seed():
    answers = answers_of(*simulated(100, 0), resamples=2)
    at = np.array([0.01, 0.1, 0.3])
    assert correction(answers)(at).tolist() == correction(answers)(at).tolist()


def test_small_errors_are_corrected_in_the_same_way_whether_or_not_large_ones_were_before():
    answers, observed = answers_of(*simulated(300, 0), resamples=2), np.linspace(0, 0.6, 50)
    of_all = correction(answers)(observed)
    correct = correction(answers)
    one_by_one = [float(correct(observed[i : i + 1])[0]) for i in range(50)]
    assert np.array_equal(one_by_one, of_all)
