import numpy as np
import pytest
from hypothesis import given, settings
from oracles import calibration as oracle
from oracles.pairs import coarse_models, drawn, pair_of, two_labels

from trusteq.comparing import noise_bias
from trusteq.comparing.smooth_calibration import _observed, smooth_calibration, smooth_ece


@pytest.fixture(autouse=True)
def few_simulations(monkeypatch):
    """The noise's simulation has tests of its own; here a rough one will do."""
    monkeypatch.setattr(noise_bias, "SIMULATIONS", 30)
    monkeypatch.setattr(noise_bias, "STEPS", 8)


@pytest.mark.parametrize("seed", range(4))
def test_the_error_is_the_integral_of_the_smoothed_residuals(seed):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.3, 1, 25)
    right = rng.random(25) < confidence - 0.2 * (seed % 2)
    value, width = smooth_ece(confidence, right)
    assert value == pytest.approx(oracle.smooth_ece_at(confidence, right, width), abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_the_bandwidth_is_where_the_error_equals_it(seed):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, 200)
    value, width = smooth_ece(confidence, rng.random(200) < 0.6)
    assert value == pytest.approx(width, abs=1e-4)


def test_a_bandwidth_of_zero_and_one_are_reflected_at_both_ends():
    # All residuals are of one sign, so no smoothing cancels anything, and reflection loses nothing.
    assert smooth_ece(np.array([1.0, 0.99, 0.98]), np.zeros(3, dtype=bool))[0] == pytest.approx(0.99, abs=1e-6)
    assert smooth_ece(np.array([0.0, 0.01]), np.ones(2, dtype=bool))[0] == pytest.approx(0.995, abs=1e-6)


def test_always_sure_and_always_wrong_is_exactly_one():
    value, width = smooth_ece(np.ones(10), np.zeros(10, dtype=bool))
    assert value == pytest.approx(1.0, abs=1e-12)
    assert width == 1.0


def test_always_sure_and_always_right_is_exactly_zero():
    assert smooth_ece(np.ones(10), np.ones(10, dtype=bool))[0] == 0.0


def test_half_right_at_one_half_is_exactly_zero():
    assert smooth_ece(np.full(10, 0.5), np.arange(10) < 5)[0] == pytest.approx(0.0, abs=1e-12)


def test_neighbouring_errors_of_opposite_sign_cancel_where_bins_would_jump():
    # .4999 always right and .5001 always wrong are together calibrated; binned ECE calls them 0.5 off.
    confidence, right = np.tile([0.5999, 0.6001], 50), np.tile([True, False], 50)
    assert oracle.ece(confidence, right) == pytest.approx(0.5, abs=1e-3)
    assert smooth_ece(confidence, right)[0] == pytest.approx(0.1, abs=2e-3)


@pytest.mark.parametrize("n", [50, 400, 3_000])
@pytest.mark.parametrize("shift", [-0.1, 0.0, 0.15])
def test_the_error_is_that_of_relplot(n, shift):
    relplot = pytest.importorskip("relplot")
    from relplot import config

    assert config.use_logit_scaling is False  # Its kernel is then the reflected Gaussian.
    rng = np.random.default_rng(n)
    confidence = rng.uniform(0.4, 0.98, n)
    right = rng.random(n) < np.clip(confidence - shift, 0, 1)
    value, width = smooth_ece(confidence, right)
    theirs, their_width = relplot.smECE(confidence, right.astype(float), return_width=True)
    # relplot refines the bandwidth to 1 / 1024 and integrates on a grid that ends on 0 and 1.
    assert value == pytest.approx(theirs, abs=2e-3)
    assert width == pytest.approx(their_width, abs=2.5e-3)


@settings(derandomize=True, deadline=None, max_examples=12)
@given(coarse_models(models=2))
def test_every_interval_holds_its_value(models):
    for name, e in smooth_calibration(pair_of(*models, resamples=10)).items():
        assert e.low <= e.value <= e.high, name


def test_the_difference_is_candidate_minus_reference():
    p, q, gold = drawn(300, 3, 0)
    found = {name: e.value for name, e in smooth_calibration(pair_of(p, q, gold)).items()}
    assert found["smooth_ece_difference"] == pytest.approx(
        found["smooth_ece_candidate"] - found["smooth_ece_reference"]
    )
    swapped = smooth_calibration(pair_of(q, p, gold))["smooth_ece_difference"].value
    assert swapped == -found["smooth_ece_difference"]


@pytest.mark.parametrize("step", [0.05, 0.1, 0.25])
def test_a_resample_of_every_item_once_has_the_error_itself_but_for_the_fine_grid(step):
    # Right and wrong by turns along the confidence, so that the smoothing has something to cancel.
    confidence = np.random.default_rng(0).uniform(0.5, 1, 400)
    p, gold = two_labels(confidence, (confidence / step).astype(int) % 2)
    answers = pair_of(p, p, gold).reference
    answers.resampling.__dict__["counts"] = np.ones((50, 400), dtype=np.uint8)
    observed = _observed(answers)
    assert observed.draws == pytest.approx(np.full(50, observed.value), abs=2e-3)
