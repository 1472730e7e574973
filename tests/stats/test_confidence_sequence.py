import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import confidence_sequence as oracle
from scipy import optimize, stats

from trusteq import Estimate
from trusteq.stats.confidence_sequence import (
    BETS,
    FIRST_LOOK,
    asymptotic_half_length,
    bounded_mean,
    obrien_fleming,
    sequence_of_ratio,
)
from trusteq.stats.equivalence import against
from trusteq.stats.proportions import quantile_of_normal

FEW = settings(derandomize=True, deadline=None, max_examples=40)
METHODS = ["betting", "empirical Bernstein"]
LEVEL = 0.9
# Misses beyond this many of RUNS say that the chance of one is above 1 - LEVEL, with 99.9 % confidence.
RUNS = 100
MOST = stats.binom.ppf(0.999, RUNS, 1 - LEVEL)
MEANS = {
    "coin": (0.5, lambda rng, n: (rng.random(n) < 0.5).astype(float)),
    "rare": (0.03, lambda rng, n: (rng.random(n) < 0.03).astype(float)),
    "beta": (0.25, lambda rng, n: rng.beta(1, 3, n)),
    "two points": (0.321, lambda rng, n: np.where(rng.random(n) < 0.03, 1.0, 0.3)),
}


def peeking(x, population):
    """The ordinary interval at every number of items from FIRST_LOOK on."""
    t = np.arange(1, len(x) + 1)
    mean = np.cumsum(x) / t
    variance = np.maximum(np.cumsum(x**2) / t - mean**2, 0) / t * (1 if population is None else 1 - t / population)
    half = quantile_of_normal(LEVEL) * np.sqrt(variance)
    return (mean - half)[FIRST_LOOK:], (mean + half)[FIRST_LOOK:]


def misses(interval, name, n, population):
    """Runs in which the mean is outside at any look, and at the look where the question of a margin is settled."""
    ever = stopped = 0
    for seed in range(RUNS):
        mean, draw = MEANS[name]
        x = draw(np.random.default_rng(seed), population or n)
        if population is not None:
            mean = x.mean()
        low, high = interval(x[:n], population)
        out = (low > mean + 1e-12) | (high < mean - 1e-12)
        ever += out.any()
        looks = (against(Estimate(mean, *ends, n, ""), 0.95 * mean, None) for ends in zip(low, high, strict=True))
        stop = next((look for look, where in enumerate(looks) if where != "across"), len(out) - 1)
        stopped += out[stop]
    return ever, stopped


@pytest.mark.slow
@pytest.mark.parametrize("population", [None, 180])
@pytest.mark.parametrize("name", MEANS)
@pytest.mark.parametrize("method", METHODS)
def test_the_mean_is_ever_missed_as_rarely_as_promised(method, name, population):
    ever, stopped = misses(
        lambda x, N: bounded_mean(x, population=N, level=LEVEL, method=method), name, 120, population
    )
    assert stopped <= ever <= MOST


@pytest.mark.parametrize("population", [None, 300])
def test_an_ordinary_interval_is_caught_missing_when_one_peeks(population):
    ever, _ = misses(peeking, "coin", 200, population)
    assert ever > MOST


@pytest.mark.parametrize("population", [None, 25, 60])
@pytest.mark.parametrize("name", MEANS)
def test_betting_keeps_what_bettors_at_every_single_candidate_do_not_exclude(name, population):
    x = MEANS[name][1](np.random.default_rng(3), 25)
    low, high = bounded_mean(x, population=population, level=0.8)
    seen = [0.0, 1.0] if population is None else [x.sum() / population, 1 - (1 - x).sum() / population]
    wanted = np.clip(oracle.betting(x.tolist(), population, 0.8), *seen)
    step = 1 / 127  # Ends fall on the outer point of the grid.
    assert wanted[0] - step <= low[-1] <= wanted[0] + 1e-9
    assert wanted[1] - 1e-9 <= high[-1] <= wanted[1] + step


def test_the_oracle_bets_as_we_do():
    assert oracle.BETS == BETS


@pytest.mark.parametrize("name", MEANS)
def test_empirical_bernstein_is_the_papers_sum(name):
    x = MEANS[name][1](np.random.default_rng(4), 40)
    low, high = bounded_mean(x, method="empirical Bernstein")
    each = np.array([oracle.empirical_bernstein(x[:t].tolist(), 0.95) for t in range(1, 41)])
    assert low == pytest.approx(np.maximum.accumulate(np.maximum(each[:, 0], 0)))
    assert high == pytest.approx(np.minimum.accumulate(np.minimum(each[:, 1], 1)))


@FEW
@given(st.lists(st.floats(0, 1), min_size=1, max_size=80), st.sampled_from(METHODS))
def test_a_population_seen_whole_is_known_exactly(values, method):
    x = np.array(values)
    low, high = bounded_mean(x, population=len(x), method=method)
    assert low[-1] == high[-1] == pytest.approx(x.mean(), abs=1e-12)


@FEW
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=80), st.sampled_from(METHODS), st.sampled_from([None, 100]))
def test_ends_come_closer_and_stay_inside_the_bounds_and_in_order(values, method, population):
    low, high = bounded_mean(np.array(values), bounds=(-1, 1), population=population, method=method)
    assert (np.diff(low) >= -1e-12).all()
    assert (np.diff(high) <= 1e-12).all()
    assert (low >= -1).all()
    assert (high <= 1).all()
    assert (low <= high + 1e-12).all()


@pytest.mark.parametrize("population", [None, 500])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_known_does_not_depend_on_later_items(method, population):
    x = np.random.default_rng(5).beta(1, 3, 400)
    whole = np.array(bounded_mean(x, population=population, method=method))
    for n in (1, 3, 64, 130, 399):
        part = np.array(bounded_mean(x[:n], population=population, method=method))
        assert (part == whole[:, :n]).all()


@pytest.mark.parametrize("method", METHODS)
def test_other_bounds_only_stretch_the_interval(method):
    x = np.random.default_rng(6).random(100)
    unit = np.array(bounded_mean(x, method=method))
    stretched = np.array(bounded_mean(6 * x - 2, bounds=(-2, 4), method=method))
    assert stretched == pytest.approx(6 * unit - 2)


@pytest.mark.parametrize("method", METHODS)
def test_mirrored_values_mirror_the_interval(method):
    x = np.random.default_rng(7).beta(1, 4, 200)
    low, high = bounded_mean(x, population=300, method=method)
    mirrored_low, mirrored_high = bounded_mean(1 - x, population=300, method=method)
    assert mirrored_low == pytest.approx(1 - high)
    assert mirrored_high == pytest.approx(1 - low)


def test_looks_pick_from_the_sequence():
    x = np.random.default_rng(8).random(50)
    low, high = bounded_mean(x)
    some_low, some_high = bounded_mean(x, at=[10, 50])
    assert some_low.tolist() == [low[9], low[49]]
    assert some_high.tolist() == [high[9], high[49]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_values_all_equal_are_closed_in_on(method, value):
    low, high = bounded_mean(np.full(2_000, value), method=method)
    assert low[-1] <= value <= high[-1]
    assert high[-1] - low[-1] < 0.02


def test_nothing_in_two_thousand_items_leaves_little_more_than_an_exact_interval_does():
    _, high = bounded_mean(np.zeros(2_000))
    assert high[-1] < 1.4 * stats.beta.ppf(0.975, 1, 2_000)


@pytest.mark.parametrize("name", MEANS)
def test_betting_is_at_most_twice_as_long_as_an_ordinary_interval(name):
    x = MEANS[name][1](np.random.default_rng(9), 2_000)
    low, high = bounded_mean(x)
    assert 1 < (high[-1] - low[-1]) / (2 * quantile_of_normal(0.95) * x.std() / np.sqrt(2_000)) < 2


@pytest.mark.parametrize("method", METHODS)
def test_one_item_of_one_is_the_mean_and_one_of_many_says_little(method):
    low, high = bounded_mean(np.array([0.3]), population=1, method=method)
    assert low[0] == high[0] == pytest.approx(0.3)
    low, high = bounded_mean(np.array([0.3]), method=method)
    assert (low[0], high[0]) == (0, 1)


def test_long_runs_of_one_bound_broken_by_the_other_do_not_overflow():
    x = np.concatenate([np.zeros(3_000), np.ones(300), np.zeros(700)])
    for population in (None, 4_000):
        low, high = bounded_mean(x, population=population)
        assert (low <= high + 1e-12).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": [0.5, 1.5]}, "value 1 is 1.5, outside the bounds 0.0 and 1.0"),
        ({"x": [np.nan]}, "value 0 is nan"),
        ({"x": [-0.1], "bounds": (0, 2)}, "value 0 is -0.1"),
        ({"x": []}, "at least one item"),
        ({"x": [[0.5]]}, "one-dimensional"),
        ({"x": [0.5], "bounds": (1, 1)}, "lower bound must be below"),
        ({"x": [0.5, 0.5], "population": 1}, "2 items cannot come from a population of 1"),
        ({"x": [0.5], "at": [2]}, "looks must be at 1 to 1 items"),
        ({"x": [0.5], "method": "Hoeffding"}, "unknown method 'Hoeffding'"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        bounded_mean(**{**arguments, "x": np.array(arguments["x"], dtype=float)})


@pytest.mark.parametrize("t", [10, 100, 1_000])
def test_the_asymptotic_boundary_is_where_robbins_mixture_is_rich(t):
    # The rho that is best for 100 items solves u - log u = 1 - 2 log alpha, u = 100 rho² + 1.
    u = optimize.brentq(lambda u: u - np.log(u) - 1 + 2 * np.log(0.05), 1, 50)
    half = asymptotic_half_length(1.0, t, tuned_at=100)
    assert half == pytest.approx(oracle.robbins(t, np.sqrt((u - 1) / 100), 0.95), rel=1e-6)


def test_the_asymptotic_sequence_is_tightest_where_it_is_tuned():
    at_200 = {tuned: asymptotic_half_length(1.0, 200, tuned_at=tuned) for tuned in range(50, 800, 10)}
    assert min(at_200, key=at_200.get) == 200


def test_a_population_seen_in_part_counts_as_more_independent_items():
    half = asymptotic_half_length(2.0, 200, tuned_at=400, population=400)
    assert half == pytest.approx(asymptotic_half_length(2.0, 400, tuned_at=400))
    assert asymptotic_half_length(2.0, 400, population=400) == 0


def test_the_asymptotic_half_length_is_about_half_as_long_again_as_the_ordinary_one():
    ratio = asymptotic_half_length(1.0, 500) / (quantile_of_normal(0.95) / np.sqrt(500))
    assert 1.5 < ratio < 1.6


def test_early_looks_at_o_brien_and_flemings_level_hardly_add_to_how_often_one_errs():
    looks, seen = (100, 150, 225, 300), np.array([100, 150, 225, 300]) / 300
    walks = np.random.default_rng(0).normal(size=(40_000, 300)).cumsum(axis=1)[:, np.array(looks) - 1] / np.sqrt(looks)
    bars = np.array([quantile_of_normal(obrien_fleming(0.95, share)) for share in seen])
    assert bars == pytest.approx(quantile_of_normal(0.95) / np.sqrt(seen), rel=1e-6)
    assert np.mean((np.abs(walks[:, :-1]) > bars[:-1]).any(axis=1) & (np.abs(walks[:, -1]) <= bars[-1])) < 0.01
    assert np.mean((np.abs(walks) > bars[-1]).any(axis=1)) > 0.1


def items(seed, n, size=0.5, noise=0.5):
    """c, a, b of n items: reference and candidate with cosine 0.8, two noisy halves each, sizes with heavy tails."""
    rng = np.random.default_rng(seed)
    sizes = np.exp(size * rng.normal(size=(n, 1)))
    cosine = rng.uniform(0.6, 1, size=(n, 1))
    reference = rng.normal(size=(n, 10))
    candidate = cosine * reference + np.sqrt(1 - cosine**2) * rng.normal(size=(n, 10))
    a1, a2 = (sizes * (reference + noise * rng.normal(size=(n, 10))) for _ in range(2))
    b1, b2 = (sizes * (candidate + noise * rng.normal(size=(n, 10))) for _ in range(2))
    return (a1 * b2 + a2 * b1).sum(axis=1) / 2, (a1 * a2).sum(axis=1), (b1 * b2).sum(axis=1)


def ordinary(c, a, b, look, population):
    c, a, b = c[:look], a[:look], b[:look]
    root = np.sqrt(a.mean() * b.mean())
    influence = c / root - c.mean() / root / 2 * (a / a.mean() + b / b.mean())
    return influence.std(ddof=1) * np.sqrt((1 if population is None else 1 - look / population) / look)


@pytest.mark.parametrize("size", [0.0, 0.75])
@pytest.mark.parametrize("population", [None, 400])
def test_the_ratio_is_ever_missed_as_rarely_as_promised_and_an_ordinary_interval_is_not(population, size):
    looks = range(FIRST_LOOK, 351, 20)
    ever = peeked = 0
    for seed in range(RUNS):
        c, a, b = items(seed, population or 350, size)
        truth = 0.8
        if population is not None:
            truth = c.mean() / np.sqrt(a.mean() * b.mean())
        sequence = sequence_of_ratio(c, a, b, looks=looks, population=population, level=LEVEL)
        ever += any(not e.low <= truth <= e.high for e in sequence)
        z_half = quantile_of_normal(LEVEL)
        peeked += any(abs(e.value - truth) > z_half * ordinary(c, a, b, e.n, population) for e in sequence)
    assert ever <= MOST
    assert peeked > MOST


def test_each_look_carries_the_ratio_of_the_items_seen():
    c, a, b = items(1, 300)
    first, second = sequence_of_ratio(c, a, b, looks=[100, 300])
    assert (first.n, second.n) == (100, 300)
    assert first.value == pytest.approx(c[:100].mean() / np.sqrt(a[:100].mean() * b[:100].mean()))
    assert second.value - second.low == pytest.approx(second.high - second.value)


def test_looks_may_be_added_as_items_come_in():
    c, a, b = items(2, 300)
    (alone,) = sequence_of_ratio(c[:100], a[:100], b[:100], looks=[100])
    assert alone == sequence_of_ratio(c, a, b, looks=[100, 200])[0]


def test_a_models_ratio_with_itself_is_one_without_doubt():
    _, a, _ = items(3, 100)
    (estimate,) = sequence_of_ratio(a, a, a, looks=[100])
    assert estimate.value == pytest.approx(1)
    assert estimate.high - estimate.low < 1e-6


def test_the_scale_of_either_model_does_not_matter():
    c, a, b = items(4, 100)
    (one,) = sequence_of_ratio(c, a, b, looks=[100])
    for scale_a, scale_b in ((1e10, 1e2), (1e-10, 1e-12)):
        (other,) = sequence_of_ratio((scale_a * scale_b) ** 0.5 * c, scale_a * a, scale_b * b, looks=[100])
        assert (other.value, other.low, other.high) == pytest.approx((one.value, one.low, one.high))


def test_a_population_seen_whole_has_its_ratio_exactly():
    c, a, b = items(5, 20)
    (estimate,) = sequence_of_ratio(c, a, b, looks=[20], population=20)
    assert estimate.low == estimate.value == estimate.high


def test_few_large_items_make_it_longer_than_the_ordinary_interval_would_tell():
    c, a, b = items(6, 200)
    c[0], a[0], b[0] = 30 * a.mean(), 100 * a.mean(), 100 * a.mean()
    (estimate,) = sequence_of_ratio(c, a, b, looks=[200])
    assert estimate.high - estimate.value > 1.5 * asymptotic_half_length(
        ordinary(c, a, b, 200, None) * np.sqrt(200), 200
    )


@pytest.mark.parametrize("a_scale", [-1.0, 0.0])
def test_without_a_root_nothing_is_known(a_scale):
    c, a, b = items(7, 100)
    (estimate,) = sequence_of_ratio(c, a_scale * a, b, looks=[100])
    assert np.isnan(estimate.value)
    assert (estimate.low, estimate.high) == (-np.inf, np.inf)


def test_a_mean_that_rests_on_one_item_says_nothing_of_others():
    c, a, b = items(11, 100)
    a = -np.abs(a)
    a[3] = 2 * np.abs(a).sum()
    (estimate,) = sequence_of_ratio(c, a, b, looks=[100])
    assert np.isfinite(estimate.value)
    assert (estimate.low, estimate.high) == (-np.inf, np.inf)
    (whole,) = sequence_of_ratio(c[3:4], a[3:4], b[3:4], looks=[1], population=1)
    assert whole.low == whole.value == whole.high


@pytest.mark.parametrize(
    ("looks", "population", "message"),
    [
        ([FIRST_LOOK - 1], None, "a look must come after at least 50 items"),
        ([300], 320, "leaving 20"),
        ([301], None, "301 items of 300 seen"),
        ([100], 299, "a population of 299"),
    ],
)
def test_a_look_too_early_too_late_or_beyond_the_items_is_refused(looks, population, message):
    c, a, b = items(8, 300)
    with pytest.raises(ValueError, match=message):
        sequence_of_ratio(c[:300], a, b, looks=looks, population=population)


def test_values_of_different_items_are_refused():
    c, a, b = items(9, 100)
    with pytest.raises(ValueError, match=r"100, 99 and 100"):
        sequence_of_ratio(c, a[:-1], b, looks=[100])


def test_values_that_are_not_numbers_are_refused():
    c, a, b = items(10, 100)
    c[7] = np.nan
    with pytest.raises(ValueError, match="item 7"):
        sequence_of_ratio(c, a, b, looks=[100])
