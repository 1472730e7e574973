import numpy as np
import pytest
from scipy import stats

from trusteq.stats.intervals import basic, bca, percentile, wider
from trusteq.stats.resampling import Resampling

DRAWS = np.arange(1.0, 102.0)  # Quantile q is at 1 + 100 q.


def test_the_percentile_interval_is_the_draws_quantiles():
    assert percentile(50.0, DRAWS, level=0.9) == pytest.approx((6.0, 96.0))


def test_the_basic_interval_is_mirrored_at_the_value():
    assert basic(40.0, DRAWS, level=0.9) == pytest.approx((80.0 - 96.0, 80.0 - 6.0))


def test_the_wider_interval_takes_the_outer_ends():
    assert wider(40.0, DRAWS, level=0.9) == pytest.approx((-16.0, 96.0))


@pytest.mark.parametrize("interval", [basic, percentile, wider])
def test_an_interval_holds_a_value_outside_its_draws(interval):
    for value in (-3.0, 1_000.0):
        low, high = interval(value, DRAWS, level=0.95)
        assert low <= value <= high


def test_bca_without_bias_or_skewness_is_the_percentile_interval():
    influence = np.array([-1.0, 1.0])
    assert bca(51.0, DRAWS, influence, level=0.9) == pytest.approx(percentile(51.0, DRAWS, level=0.9))


def test_bca_shifts_both_ends_to_where_the_skewness_points():
    symmetric = bca(51.0, DRAWS, np.array([-1.0, 1.0]), level=0.9)
    skewed = bca(51.0, DRAWS, np.array([-1.0] * 9 + [9.0]), level=0.9)
    assert skewed[0] > symmetric[0]
    assert skewed[1] > symmetric[1]


def test_bca_of_draws_all_equal_to_the_value_is_the_value():
    assert bca(2.0, np.full(10, 2.0), np.zeros(3), level=0.95) == (2.0, 2.0)


def test_bca_of_draws_nearly_all_on_one_side_still_holds_the_value():
    draws = np.append(DRAWS, -1.0)
    low, high = bca(0.0, draws, np.array([1.0, -1.0]), level=0.9)
    assert low <= 0.0 <= high


def test_bca_of_draws_all_on_one_side_still_holds_the_value():
    low, high = bca(0.0, DRAWS, np.array([1.0, -1.0]), level=0.95)
    assert low <= 0.0 <= high


@pytest.mark.parametrize("seed", range(4))
def test_bca_of_a_mean_is_about_that_of_scipy(seed):
    x = np.random.default_rng(seed).exponential(size=60)
    ours = Resampling(60, resamples=10_000, seed=seed).mean(x, what="mean")
    theirs = stats.bootstrap((x,), np.mean, method="BCa", n_resamples=10_000, rng=seed).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.04 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.04 * width)
