import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import paired
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from trusteq.stats.proportions import binomial_quantile, effective_n, quantile_of_normal, tango, variance_ratio, wilson

Z = stats.norm.ppf(0.975)
FEW = settings(derandomize=True, deadline=None, max_examples=60)


def test_the_quantile_of_a_normal_is_the_tables():
    assert quantile_of_normal(0.95) == pytest.approx(1.959964, abs=1e-6)


@FEW
@given(n=st.integers(1, 20_000), p=st.floats(0.001, 0.999), q=st.floats(0.0001, 0.9999))
def test_the_binomial_quantile_is_that_of_scipy(n, p, q):
    """Where the cumulated probability is ``q`` but for rounding, as for 97 coins and 1/2, versions of scipy differ."""
    ours, theirs = binomial_quantile(q, n, p), stats.binom.ppf(q, n, p)
    tied = abs(stats.binom.cdf(min(ours, theirs), n, p) - q) < 1e-12 and abs(ours - theirs) == 1
    assert ours == theirs or tied


@pytest.mark.parametrize(("q", "quantile"), [(1 / 16, 0), (0.0626, 1), (5 / 16, 1), (11 / 16, 2), (0.9999, 4)])
def test_the_binomial_quantile_of_four_coins(q, quantile):
    # Cumulated: 1, 5, 11, 15 and 16 of 16.
    assert binomial_quantile(q, 4, 0.5) == quantile


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 50), (3, 50), (25, 50), (50, 50), (17, 9_824)])
def test_wilson_is_that_of_statsmodels(hits, n, level):
    expected = proportion_confint(hits, n, alpha=1 - level, method="wilson")
    assert wilson(hits / n, n, level=level) == pytest.approx(expected, abs=1e-12)


def test_wilson_of_no_event_reaches_z2_over_n_plus_z2():
    low, high = wilson(0.0, 50, level=0.95)
    assert low == 0.0
    assert high == pytest.approx(Z**2 / (50 + Z**2))


def test_wilson_of_all_events_ends_at_exactly_one():
    assert wilson(1.0, 7, level=0.95)[1] == 1.0


@FEW
@given(n=st.integers(1, 200), data=st.data())
def test_tangos_ends_satisfy_the_score_equation(n, data):
    gains = data.draw(st.integers(0, n))
    losses = data.draw(st.integers(0, n - gains))
    for end in tango(gains, losses, n, level=0.95):
        if -1 < end < 1 and end != (gains - losses) / n:
            assert abs(paired.tango_score(gains, losses, n, end)) == pytest.approx(Z, rel=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("gains", "losses", "n"), [(3, 1, 44), (0, 5, 30), (12, 12, 100), (10, 0, 10), (2, 30, 60)])
def test_tango_is_the_set_of_differences_that_the_score_test_keeps(gains, losses, n):
    step = 1 / 2000
    assert tango(gains, losses, n, level=0.95) == pytest.approx(paired.tango(gains, losses, n, 0.95), abs=1.01 * step)


@pytest.mark.parametrize("n", [1, 10, 500])
def test_tango_without_any_change_is_symmetric_and_z2_over_n_plus_z2(n):
    # With no discordant pair the score is n d^2 / (d (1 - d)), equal to z^2 at d = z^2 / (n + z^2).
    end = Z**2 / (n + Z**2)
    assert tango(0, 0, n, level=0.95) == pytest.approx((-end, end), abs=1e-9)


@FEW
@given(n=st.integers(1, 100), data=st.data())
def test_tango_mirrors_when_gains_and_losses_change_places(n, data):
    gains = data.draw(st.integers(0, n))
    losses = data.draw(st.integers(0, n - gains))
    low, high = tango(gains, losses, n, level=0.95)
    assert tango(losses, gains, n, level=0.95) == pytest.approx((-high, -low), abs=1e-9)
    assert -1 <= low <= (gains - losses) / n <= high <= 1


def test_tango_where_every_pair_turned_ends_at_one():
    low, high = tango(20, 0, 20, level=0.95)
    assert high == 1.0
    assert 0.5 < low < 1


@pytest.mark.parametrize(("gains", "losses"), [(4, 4), (9, 2), (0, 3)])
def test_tango_covers_and_does_not_by_much_overcover(gains, losses):
    n, rng = 80, np.random.default_rng(gains)
    drawn = rng.multinomial(n, [gains / n, losses / n, 1 - (gains + losses) / n], size=1_500)
    truth = (gains - losses) / n
    ends = {(g, x): tango(g, x, n, level=0.95) for g, x in {(int(g), int(x)) for g, x, _ in drawn}}
    covered = np.mean([ends[int(g), int(x)][0] <= truth <= ends[int(g), int(x)][1] for g, x, _ in drawn])
    assert 0.93 <= covered <= 0.99


def test_independent_items_are_worth_their_number():
    assert effective_n(np.array([0.0, 1.0, 1.0]), None, level=0.95) == 3.0


@pytest.mark.parametrize("m", [2, 5])
def test_items_repeated_m_times_are_worth_one_mth(m):
    x = np.random.default_rng(0).integers(0, 2, 1_000).astype(float)
    worth = effective_n(np.repeat(x, m), np.repeat(np.arange(1_000), m), level=0.95)
    assert worth == pytest.approx(1_000, rel=0.01)


def test_clusters_of_one_item_are_worth_about_their_number():
    x = np.random.default_rng(0).integers(0, 2, 1_000).astype(float)
    assert effective_n(x, np.arange(1_000), level=0.95) == pytest.approx(1_000, rel=0.01)


def test_clusters_whose_items_differ_are_never_worth_more_than_the_items():
    # Each cluster holds one 0 and one 1: the clustered variance is 0.
    assert effective_n(np.tile([0.0, 1.0], 500), np.repeat(np.arange(500), 2), level=0.95) <= 1_000


def test_items_that_do_not_vary_are_worth_their_clusters():
    worth = effective_n(np.zeros(1_000), np.repeat(np.arange(200), 5), level=0.95)
    assert worth == pytest.approx(200, rel=0.02)
    assert worth < 200


def test_one_cluster_is_worth_one_item():
    assert effective_n(np.array([0.0, 1.0, 1.0]), np.zeros(3, dtype=np.int64), level=0.95) == 1.0


def test_few_clusters_are_worth_less_by_students_t():
    worth = effective_n(np.arange(5.0), np.arange(5), level=0.95)
    assert worth == pytest.approx(5 / 1.25 * (Z / stats.t.ppf(0.975, 4)) ** 2)


@pytest.mark.parametrize("x", [np.ones(10), np.repeat([0.0, 1.0], 5)])
def test_two_clusters_are_worth_no_less_than_one_item(x):
    """Student's t of one degree of freedom would make less than one of them."""
    assert effective_n(x, np.repeat([0, 1], 5), level=0.95) == 1.0


@pytest.mark.parametrize(("clusters", "each"), [(100, 10), (20, 50), (300, 10), (40, 2), (2, 500)])
def test_the_first_event_seen_does_not_lower_what_there_may_be(clusters, each):
    unit, x, n = np.repeat(np.arange(clusters), each), np.zeros(clusters * each), clusters * each
    none = wilson(0.0, effective_n(x, unit, level=0.95), level=0.95)[1]
    x[0] = 1
    assert wilson(1 / n, effective_n(x, unit, level=0.95), level=0.95)[1] > none


def test_how_rare_events_cluster_is_known_from_the_clusters_that_hold_them():
    # Three of a hundred clusters hold an event: Student's t of three, and as many items to each cluster.
    x = np.zeros(1_000)
    x[[0, 10, 20]] = 1
    worth = effective_n(x, np.repeat(np.arange(100), 10), level=0.95)
    assert worth == pytest.approx(3 * 100 / 0.97 * (Z / stats.t.ppf(0.975, 3)) ** 2)
    assert effective_n(1 - x, np.repeat(np.arange(100), 10), level=0.95) == worth


@pytest.mark.parametrize(("clusters", "each", "share"), [(20, 50, 0.03), (50, 20, 0.03), (300, 10, 0.002)])
def test_shares_of_rare_events_that_come_together_are_rarely_taken_for_too_small(clusters, each, share):
    alike, runs, rng = 0.3, 400, np.random.default_rng(0)
    rates = rng.beta(share * (1 / alike - 1), (1 - share) * (1 / alike - 1), (runs, clusters))
    unit, too_small = np.repeat(np.arange(clusters), each), 0
    for events in rng.binomial(each, rates):
        x = (np.arange(each) < events[:, None]).ravel().astype(float)
        high = wilson(float(x.mean()), effective_n(x, unit, level=0.95), level=0.95)[1]
        too_small += high < share
    assert too_small <= 0.04 * runs


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_items_that_are_independent_keep_most_of_their_worth_in_a_few_large_clusters(share):
    x = (np.random.default_rng(1).random(5_000) < share).astype(float)
    assert effective_n(x, np.repeat(np.arange(10), 500), level=0.95) > 2_500


def test_the_variance_ratio_is_that_of_the_means_of_equal_clusters():
    rng = np.random.default_rng(0)
    x, unit = rng.normal(size=120) + np.repeat(rng.normal(size=12), 10), np.repeat(np.arange(12), 10)
    means = x.reshape(12, 10).mean(axis=1)
    assert variance_ratio(x, unit) == pytest.approx(means.var(ddof=1) / 12 / (x.var() / 120))
    assert variance_ratio(np.tile([1.0, 2.0, 5.0], 4), np.repeat(np.arange(4), 3)) == pytest.approx(0, abs=1e-12)
    assert variance_ratio(np.ones(6), np.repeat(np.arange(2), 3)) is None
    assert variance_ratio(np.arange(6.0), np.zeros(6, dtype=np.int64)) is None
