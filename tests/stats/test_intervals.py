import numpy as np
import pytest
from scipy import stats

from trusteq.stats.intervals import FAR, basic, bca, largest_sum, percentile, studentised, wider
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
    x = np.random.default_rng(seed).exponential(size=120)
    ours = Resampling(120, resamples=10_000, seed=seed).mean(x, what="mean")
    theirs = stats.bootstrap((x,), np.mean, method="BCa", n_resamples=10_000, rng=seed).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.04 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.04 * width)


def test_with_equal_errors_the_bootstrap_t_interval_is_the_basic_one():
    found = studentised(40.0, 3.0, DRAWS, np.full(101, 3.0), level=0.9)
    assert found == pytest.approx(basic(40.0, DRAWS, level=0.9))
    assert studentised(40.0, 6.0, DRAWS, np.full(101, 3.0), level=0.9) == pytest.approx((40 - 2 * 56.0, 40 + 2 * 34.0))


def test_draws_that_think_themselves_sure_stretch_the_other_side():
    """Above the value errors are a tenth: a sample that comes out high may be ten times as many errors off."""
    errors = np.where(DRAWS > 51, 0.1, 1.0)
    low, high = studentised(51.0, 1.0, DRAWS, errors, level=0.9)
    assert (low, high) == pytest.approx((51 - 450.0, 51 + 45.0))


def test_the_bootstrap_t_interval_of_what_has_no_error_is_the_value():
    assert studentised(2.0, 0.0, np.full(10, 2.0), np.zeros(10), level=0.95) == (2.0, 2.0)


def test_draws_without_errors_are_as_far_as_can_be_and_those_at_the_value_at_it():
    draws = np.array([1.0] * 10 + [2.0] * 80 + [3.0] * 10)
    low, high = studentised(2.0, 0.5, draws, np.zeros(100), level=0.9)
    assert (low, high) == (2 - FAR / 2, 2 + FAR / 2)
    assert studentised(2.0, 0.5, np.full(9, 2.0), np.zeros(9), level=0.9) == (2.0, 2.0)


# Sums of few large parts -------------------------------------------------------------------------


def test_equal_parts_give_the_exact_bound_of_a_poisson_count():
    """Of k events, each of size s: s times the exact upper limit of the count (Garwood 1936)."""
    for k in (1, 3, 10, 100):
        bound = largest_sum(np.full(k, 0.25), chance=0.025)
        assert bound == pytest.approx(0.25 * stats.chi2.ppf(0.975, 2 * (k + 1)) / 2)


def test_a_bound_of_nothing_is_nothing_and_it_grows_with_any_part():
    assert largest_sum(np.zeros(5), chance=0.025) == 0.0
    assert largest_sum(np.array([-0.5, 0.2, 0.1]), chance=0.025) > 0.2
    parts = np.array([0.1, 0.1, 0.4])
    assert largest_sum(parts, chance=0.025) < largest_sum(np.append(parts, 0.4), chance=0.025)
    assert largest_sum(parts, chance=0.025) < largest_sum(parts, chance=0.001)


def test_a_strict_bound_of_few_parts_of_very_different_sizes_seldom_lies_too_low():
    """Eight events on average, of which the largest may not have been seen: hence the strictness."""
    rng, runs = np.random.default_rng(0), 4000
    exceeded = 0
    for _ in range(runs):
        parts = rng.lognormal(sigma=0.8, size=rng.poisson(8))
        exceeded += largest_sum(parts, chance=0.001) < 8 * np.exp(0.32)
    assert exceeded / runs < 0.025
