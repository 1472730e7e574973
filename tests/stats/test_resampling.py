import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import bootstrap
from scipy import special, stats

from trusteq import Pair
from trusteq.comparing.answers import Answers
from trusteq.comparing.compute_measures import measure_all
from trusteq.stats import resampling as module
from trusteq.stats import resampling as resampling_module
from trusteq.stats.proportions import tango, wilson
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable


def mean_of(sums):
    total, count = sums
    return total[:, 0] / count[:, 0]


def sums_of(resampling, *values):
    return resampling.cell_sums(np.zeros(resampling.n, dtype=np.int64), 1, *values)


# Resamples -----------------------------------------------------------------------------------------


def test_every_resample_draws_as_many_units_as_there_are():
    counts = Resampling(37, resamples=300).counts
    assert counts.shape == (300, 37)
    assert (counts.sum(axis=1) == 37).all()


def test_every_unit_is_drawn_equally_often():
    counts = Resampling(50, resamples=4_000).counts
    assert counts.mean(axis=0) == pytest.approx(np.ones(50), abs=0.08)
    assert counts.var() == pytest.approx(1 - 1 / 50, rel=0.03)


def test_resamples_differ_from_each_other():
    counts = Resampling(40, resamples=500).counts
    assert len(np.unique(counts, axis=0)) == 500


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    x = np.random.default_rng(0).normal(size=300)
    first, again, other = (Resampling(300, resamples=100, seed=s).mean(x, what="m") for s in (3, 3, 4))
    assert first == again
    assert first.value == other.value
    assert (first.low, first.high) != (other.low, other.high)


def test_clusters_are_units():
    resampling = Resampling(5, clusters=["b", "a", "b", "c", "a"])
    assert resampling.units == 3
    assert resampling.unit.tolist() == [1, 0, 1, 2, 0]


# Sums ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clusters", [None, [str(i // 3) for i in range(200)]])
@pytest.mark.parametrize("cells", [1, 7, 300])
def test_both_ways_to_add_up_give_the_same_bytes(clusters, cells, monkeypatch):
    rng = np.random.default_rng(cells)
    cell, x = rng.integers(0, cells, 200), rng.normal(size=200) * (rng.random(200) < 0.8)
    sums = []
    for few in (0.0, 1.1):
        monkeypatch.setattr(module, "_FEW", few)
        sums.append(Resampling(200, clusters=clusters, resamples=150).cell_sums(cell, cells, x)[0])
    assert np.array_equal(sums[0].draws, sums[1].draws)
    assert np.array_equal(sums[0].total, sums[1].total)


@pytest.mark.parametrize("clusters", [None, list("aabbbcdde")])
def test_resampled_sums_are_those_of_the_resampled_items(clusters):
    rng = np.random.default_rng(1)
    x, cell = rng.normal(size=9), rng.integers(3, size=9)
    resampling = Resampling(9, resamples=40, clusters=clusters)
    (sums,) = resampling.cell_sums(cell, 3, x)
    for c in range(3):
        expected = bootstrap.draws(resampling, lambda at, c=c: x[at][cell[at] == c].sum())
        assert sums.draws[:, c] == pytest.approx(expected, abs=1e-12)
        assert sums.total[c] == pytest.approx(x[cell == c].sum(), abs=1e-12)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 60), clustered=st.booleans(), scale=st.sampled_from([1e-9, 1.0, 30.0])
)
def test_sums_are_the_same_bits_in_any_order_of_items(seed, n, clustered, scale):
    rng = np.random.default_rng(seed)
    x, cell, order = rng.normal(size=n) * scale, rng.integers(4, size=n), rng.permutation(n)
    clusters = rng.integers(0, max(n // 3, 1), n).astype(str) if clustered else None
    one = Resampling(n, resamples=30, clusters=clusters)
    other = Resampling(n, resamples=30, clusters=None if clusters is None else clusters[order])
    other.unit = one.unit[order]
    (a,), (b,) = one.cell_sums(cell, 4, x), other.cell_sums(cell[order], 4, x[order])
    assert a.total.tobytes() == b.total.tobytes()
    assert a.draws.tobytes() == b.draws.tobytes()


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("cells", [1, 3, 200])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 500), (-3, 3), (0, 40_000), (0, 10**12)])
@pytest.mark.parametrize("kept", [0, 10**9])
def test_whole_numbers_are_summed_exactly_whatever_their_size_and_however_many_cells(
    monkeypatch, clustered, cells, low, high, kept
):
    monkeypatch.setattr(resampling_module, "_KEPT", kept)
    monkeypatch.setattr(resampling_module, "_BLOCK", 1)
    rng = np.random.default_rng(cells)
    x, cell = rng.integers(low, high, 300, endpoint=True), rng.integers(cells, size=300)
    clusters = rng.integers(0, 90, 300).astype(str) if clustered else None
    resampling = Resampling(300, resamples=200, clusters=clusters)
    summed = np.zeros((resampling.units, cells), dtype=np.int64)
    np.add.at(summed, (resampling.unit, cell), x)
    (sums,) = resampling.cell_sums(cell, cells, x)
    assert np.array_equal(sums.draws, resampling.counts.astype(np.int64) @ summed)
    assert np.array_equal(sums.total, summed.sum(axis=0))


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("cells", [1, 3, 200, 5_000])
@pytest.mark.parametrize("kept", [0, 10**9])
@pytest.mark.parametrize("small", [0, 2**16 - 1])
def test_items_are_counted_in_every_cell_as_they_are_summed(monkeypatch, clustered, cells, kept, small):
    monkeypatch.setattr(resampling_module, "_KEPT", kept)
    monkeypatch.setattr(resampling_module, "_BLOCK", 1)
    monkeypatch.setattr(resampling_module, "_SMALL", small)
    rng = np.random.default_rng(cells)
    cell, some, none = rng.integers(cells, size=300), rng.random(300) < 0.3, np.zeros(300, dtype=bool)
    clusters = rng.integers(0, 90, 300).astype(str) if clustered else None
    resampling = Resampling(300, resamples=20, clusters=clusters)
    for counted, x in zip(resampling.counted(cell, cells, some, none), (some, none), strict=True):
        summed = np.zeros((resampling.units, cells), dtype=np.int64)
        np.add.at(summed, (resampling.unit, cell), x)
        assert np.array_equal(counted.draws, (resampling.counts.astype(np.int64) @ summed).T)
        assert np.array_equal(counted.total, summed.sum(axis=0)[:, None])


@pytest.mark.parametrize("drawn", [1, 500, 10**6])
def test_resamples_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch, drawn):
    before = Resampling(77, resamples=50).counts
    monkeypatch.setattr(resampling_module, "_DRAWN", drawn)
    assert np.array_equal(Resampling(77, resamples=50).counts, before)


def test_sums_keep_nine_digits_of_a_million_items():
    x = np.random.default_rng(0).random(1_000_000)
    (sums,) = sums_of(Resampling(len(x), resamples=1), x)
    assert sums.total[0] == pytest.approx(x.sum(), rel=1e-9)


@pytest.mark.parametrize("size", [1e-312, 5e-324])
def test_the_mean_of_values_smaller_than_any_grid_is_theirs(size):
    e = Resampling(500, resamples=20).mean(np.full(500, size), what="m")
    assert (e.low, e.value, e.high) == (size, size, size)


def test_sums_of_nothing_but_zeros_are_zero():
    (sums,) = sums_of(Resampling(5, resamples=3), np.zeros(5))
    assert sums.total[0] == 0
    assert (sums.draws == 0).all()


# Groups of items -----------------------------------------------------------------------------------


def test_more_than_20_000_items_are_dealt_into_20_000_groups_of_equal_number():
    resampling = Resampling(41_000, resamples=1)
    assert resampling.grouped
    assert resampling.units == 20_000
    assert set(np.bincount(resampling.unit)) == {2, 3}
    assert not Resampling(20_000, resamples=1).grouped


def test_a_cluster_is_never_cut_by_grouping():
    clusters = np.repeat(np.arange(21_000), 2)
    resampling = Resampling(42_000, clusters=clusters, resamples=1)
    assert resampling.grouped
    assert (resampling.unit[::2] == resampling.unit[1::2]).all()


@pytest.mark.parametrize("clustered", [False, True])
def test_grouped_resamples_have_the_standard_error_of_plain_ones(monkeypatch, clustered):
    n = 3_000
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(n // 2), 2) if clustered else None
    x = rng.normal(size=n) + (rng.normal(size=n // 2)[clusters] if clustered else 0)

    def standard_error():
        resampling = Resampling(n, resamples=3_000, clusters=clusters)
        total, count = sums_of(resampling, x, np.ones(n))
        return (total.draws / count.draws).std(), resampling.grouped

    plain, whole = standard_error()
    monkeypatch.setattr(module, "MAX_UNITS", 700)
    dealt, grouped = standard_error()
    assert (whole, grouped) == (False, True)
    # Two bootstrap errors of 1.3 % and that of 700 groups' variance, 2.7 %.
    assert dealt == pytest.approx(plain, rel=0.08)


def test_an_estimate_says_what_was_resampled():
    assert "20,000 random groups of items" in Resampling(20_001, resamples=2).mean(np.ones(20_001), what="m").method
    assert (
        "5 resamples of clusters"
        in Resampling(2, resamples=5, clusters=["a", "b"]).mean(np.arange(2.0), what="m").method
    )


# Means ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clusters", [None, [f"{i % 7}" for i in range(30)]])
def test_the_mean_and_its_draws_are_those_of_the_literal_bootstrap(clusters):
    x = np.random.default_rng(2).exponential(size=30)
    resampling = Resampling(30, resamples=60, clusters=clusters)
    total, count = sums_of(resampling, x, np.ones(30))
    assert total.draws[:, 0] / count.draws[:, 0] == pytest.approx(bootstrap.draws(resampling, lambda at: x[at].mean()))
    assert resampling.mean(x, what="m").value == pytest.approx(x.mean())


def test_the_mean_of_equal_values_has_no_width():
    e = Resampling(10, resamples=20).mean(np.full(10, 0.3), what="m")
    assert e.low == e.value == e.high == pytest.approx(0.3, abs=1e-12)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([-1.0, 0.0, 0.0, 0.0, 1.0, 25.0]), min_size=1, max_size=40))
def test_the_interval_of_a_mean_holds_it(values):
    e = Resampling(len(values), resamples=100).mean(np.array(values), what="m")
    assert e.low <= e.value <= e.high


def test_intervals_do_not_shrink_when_clustered_items_are_repeated():
    x = np.random.default_rng(3).normal(size=200)
    once = Resampling(200, resamples=500, clusters=np.arange(200)).mean(x, what="m")
    thrice = Resampling(600, resamples=500, clusters=np.repeat(np.arange(200), 3)).mean(np.repeat(x, 3), what="m")
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))
    # Without clusters they would, by the root of 3.
    blind = Resampling(600, resamples=2_000).mean(np.repeat(x, 3), what="m")
    assert blind.high - blind.low == pytest.approx((once.high - once.low) / np.sqrt(3), rel=0.15)


@pytest.mark.parametrize("clusters", [4, 10])
def test_the_interval_of_a_mean_covers_with_few_clusters(clusters):
    covered = 0
    for seed in range(250):
        rng = np.random.default_rng(seed)
        cluster = np.repeat(np.arange(clusters), 20)
        x = rng.normal(size=clusters)[cluster] + rng.normal(size=len(cluster))
        e = Resampling(len(x), clusters=cluster, resamples=300, seed=seed).mean(x, what="m")
        covered += e.low <= 0 <= e.high
    assert covered / 250 >= 0.89


# Shares --------------------------------------------------------------------------------------------


def test_a_share_is_wilsons():
    x = np.arange(10) < 3
    e = Resampling(10).share(x, what="s")
    assert (e.value, e.n) == (0.3, 10)
    assert (e.low, e.high) == pytest.approx(wilson(0.3, 10, level=0.95))


def test_a_share_among_some_counts_only_those():
    x, among = np.array([True, True, False, True]), np.array([True, False, True, False])
    e = Resampling(4).share(x, what="s", among=among)
    assert (e.value, e.n) == (0.5, 2)
    assert (e.low, e.high) == pytest.approx(wilson(0.5, 2, level=0.95))


def test_a_share_among_none_is_none():
    assert Resampling(3).share(np.ones(3, dtype=bool), what="s", among=np.zeros(3, dtype=bool)) is None


def test_a_share_difference_is_tangos_of_b_minus_a():
    a = np.array([True] * 6 + [False] * 4)
    b = np.array([True] * 5 + [False] + [True] * 3 + [False])
    e = Resampling(10).share_difference(a, b, what="d")
    assert e.value == pytest.approx(0.2)
    assert (e.low, e.high) == pytest.approx(tango(3, 1, 10, level=0.95))


def test_shares_of_items_repeated_in_clusters_keep_their_intervals():
    rng = np.random.default_rng(5)
    a, b = rng.random(400) < 0.8, rng.random(400) < 0.78
    cluster = np.repeat(np.arange(400), 4)
    alone, repeated = Resampling(400), Resampling(1_600, clusters=cluster)
    for name, values in (("share", (a,)), ("share_difference", (a, b))):
        one = getattr(alone, name)(*values, what="s")
        four = getattr(repeated, name)(*(np.repeat(v, 4) for v in values), what="s")
        assert (four.low, four.high) == pytest.approx((one.low, one.high), abs=2e-3)


# Quantiles -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [5, 39, 58, 100, 203, 1_000])
@pytest.mark.parametrize("q", [0.05, 0.5, 0.9, 0.99])
def test_a_quantiles_interval_ends_at_the_binomial_ranks(n, q):
    # The smallest rank l with P(Bin < l) below 2.5 %, the smallest u with P(Bin < u) at 97.5 % or more.
    lower = max(k for k in range(n + 2) if stats.binom.cdf(k - 1, n, q) < 0.025)
    upper = min(k for k in range(1, n + 2) if stats.binom.cdf(k - 1, n, q) >= 0.975)
    e = Resampling(n).quantile(np.random.default_rng(0).permutation(n) + 1.0, q, what="q", bounds=(-7.0, 7_000.0))
    assert e.low == (lower if lower >= 1 else -7.0)
    assert e.high == (upper if upper <= n else 7_000.0)
    assert e.value == np.ceil(round(q * n, 9))


@pytest.mark.parametrize(("n", "q"), [(40, 0.5), (60, 0.9), (400, 0.99)])
def test_a_quantiles_interval_covers(n, q):
    truth, resampling = stats.expon.ppf(q), Resampling(n)
    rng = np.random.default_rng(0)
    estimates = [resampling.quantile(rng.exponential(size=n), q, what="q", bounds=(0.0, np.inf)) for _ in range(800)]
    assert np.mean([e.low <= truth <= e.high for e in estimates]) >= 0.94


@settings(derandomize=True, deadline=None, max_examples=60)
@given(clusters=st.integers(1, 40), each=st.integers(1, 80), q=st.sampled_from([0.05, 0.5, 0.9, 0.99, 0.999]))
def test_a_clustered_quantiles_interval_holds_it(clusters, each, q):
    x = np.random.default_rng(clusters).normal(size=clusters * each)
    e = Resampling(len(x), clusters=np.repeat(np.arange(clusters), each)).quantile(x, q, what="q", bounds=(-9.0, 9.0))
    assert e.low <= e.value <= e.high


def test_a_quantile_of_repeated_items_is_no_surer_than_of_the_items():
    x = np.random.default_rng(1).normal(size=300)
    one = Resampling(300).quantile(x, 0.5, what="q")
    five = Resampling(1_500, clusters=np.repeat(np.arange(300), 5)).quantile(np.repeat(x, 5), 0.5, what="q")
    assert five.low <= one.low
    assert five.high >= one.high


# Other figures -------------------------------------------------------------------------------------


def test_a_functional_is_computed_on_totals_and_on_draws():
    x = np.random.default_rng(2).exponential(size=100)
    resampling = Resampling(100, resamples=200)
    total, count = sums_of(resampling, x, np.ones(100))
    e = resampling.functional(lambda t, c: np.square(t[:, 0] / c[:, 0]), total, count, what="square")
    draws = bootstrap.draws(resampling, lambda at: x[at].mean() ** 2)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert e.value == pytest.approx(x.mean() ** 2)
    assert e.low == pytest.approx(min(low, 2 * e.value - high))
    assert e.high == pytest.approx(max(high, 2 * e.value - low))


@pytest.mark.parametrize("kind", ["wider", "basic", "percentile"])
def test_an_exact_value_moves_the_interval_with_it_and_is_kept_to_the_bit(kind):
    resampling, draws = Resampling(9, resamples=101), np.linspace(0.2, 0.4, 101)
    plain = resampling.from_draws(0.3, draws, what="x", interval=kind)
    moved = resampling.from_draws(0.3, draws, what="x", value=0.1 + 0.2 + 1e-3, interval=kind)
    assert moved.value == 0.1 + 0.2 + 1e-3
    assert (moved.low, moved.high) == pytest.approx((plain.low + 1e-3, plain.high + 1e-3))


def test_an_interval_is_cut_to_its_bounds_and_still_holds_the_value():
    resampling, draws = Resampling(9, resamples=101), np.linspace(-1.0, 2.0, 101)
    e = resampling.from_draws(0.3, draws, what="x", bounds=(0.0, 1.0))
    assert (e.low, e.high) == (0.0, 1.0)
    # Rounding may put the exact value an ulp beyond a bound.
    beyond = np.nextafter(1.0, 2.0)
    e = resampling.from_draws(0.3, draws, what="x", value=beyond, bounds=(0.0, 1.0))
    assert e.low <= e.value <= e.high


def test_few_items_or_clusters_widen_bootstrap_draws_by_students_t():
    draws, clusters = np.linspace(-1.0, 1.0, 101), ["a", "b", "c", "d"]
    factor = special.stdtrit(3, 0.975) / stats.norm.ppf(0.975) * np.sqrt(4 / 3)
    for few in (Resampling(4, resamples=101), Resampling(8, resamples=101, clusters=clusters * 2)):
        made = few.from_draws(0.0, draws, what="x")
        assert (made.low, made.high) == pytest.approx((-0.95 * factor, 0.95 * factor))
    many = Resampling(100, resamples=101).from_draws(0.0, draws, what="x")
    assert (many.low, many.high) == pytest.approx((-0.95, 0.95))


@pytest.mark.parametrize("n", [3, 5, 7])
def test_the_mean_of_a_few_items_is_covered(n):
    """Draws as they are cover it in 71, 85 and 88 %."""
    rng = np.random.default_rng(n)
    held = 0
    for seed in range(400):
        e = Resampling(n, resamples=200, seed=seed).mean(rng.normal(size=n), what="mean")
        held += e.low <= 0 <= e.high
    assert held / 400 > 0.9


# Functions of sums ---------------------------------------------------------------------------------


def share_of(x, y):
    return x[:, 0] / (x[:, 0] + y[:, 0])


@pytest.mark.parametrize("clusters", [None, [f"{i // 2}" for i in range(80)]])
def test_a_functions_interval_is_that_of_the_literal_bootstrap_t(clusters):
    """The delta method in every resample, one by one, with the derivatives worked out by hand."""
    rng = np.random.default_rng(0)
    x, y = rng.exponential(size=(2, 80))
    r = Resampling(80, clusters=clusters, resamples=300, seed=1)
    estimate = r.studentised(share_of, x, y, what="share", bounds=(0, 1))
    columns = np.stack([np.bincount(r.unit, weights=v) for v in (x, y)], axis=1)

    def value_and_error(counts):
        a, b = sums = counts @ columns
        pulls = columns @ np.array([b, -a]) / sums.sum() ** 2
        return a / sums.sum(), np.sqrt(counts @ pulls**2)

    value, error = value_and_error(np.ones(r.units))
    draws, errors = np.transpose([value_and_error(counts.astype(float)) for counts in r.counts])
    upper, lower = np.quantile((draws - value) / errors, [0.975, 0.025])
    assert estimate.value == pytest.approx(value)
    assert (estimate.low, estimate.high) == pytest.approx((value - upper * error, value - lower * error), rel=1e-6)
    assert "bootstrap-t, 300 resamples of" in estimate.method


def test_what_hardly_ever_happens_is_not_taken_for_what_never_does():
    """One item in 25 differs, and much: the usual interval lies above the truth far more often than it says."""
    held = {"bootstrap-t": 0, "wider": 0}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        bad = rng.random(150) < 0.04
        good, lost = np.where(bad, 0.0, rng.exponential(size=150)), np.where(bad, 4 * rng.exponential(size=150), 0.0)
        r = Resampling(150, resamples=300, seed=seed)
        sums = r.cell_sums(np.zeros(150, dtype=np.int64), 1, good, lost)
        value, draws = share_of(*(s.total[None] for s in sums))[0], share_of(*(s.draws for s in sums))
        truth = 0.96 / (0.96 + 0.16)
        held["bootstrap-t"] += r.studentised(share_of, good, lost, what="share", bounds=(0, 1)).low <= truth
        held["wider"] += r.from_draws(value, draws, what="share").low <= truth
    assert held["bootstrap-t"] >= 0.94 * 200
    assert held["wider"] <= 0.92 * 200


def test_a_function_that_is_the_same_in_every_resample_has_no_width():
    x = np.random.default_rng(0).exponential(size=50)
    estimate = Resampling(50, resamples=100).studentised(share_of, x, 3 * x, what="share", bounds=(0, 1))
    assert estimate.value == pytest.approx(0.25)
    assert estimate.high - estimate.low < 1e-12


def test_a_functions_interval_is_cut_to_its_bounds():
    x = np.array([1.0] + [0.0] * 39)
    estimate = Resampling(40, resamples=200).studentised(share_of, x, 1 - x, what="share", bounds=(0, 1))
    assert estimate.low == 0.0
    assert 0.025 < estimate.high <= 1.0


def test_of_few_items_a_functions_interval_is_no_narrower_than_with_students_t():
    rng = np.random.default_rng(0)
    x, y = rng.exponential(size=(2, 6))
    r = Resampling(6, resamples=500)
    estimate = r.studentised(share_of, x, y, what="share", bounds=(-10, 10))
    sums = sums_of(r, x, y)
    value, draws = share_of(*(s.total[None] for s in sums))[0], share_of(*(s.draws for s in sums))
    low, high = np.quantile(draws, [0.025, 0.975])
    wide = special.stdtrit(5, 0.975) / special.ndtri(0.975) * np.sqrt(6 / 5)
    assert estimate.low <= value + wide * (low - value)
    assert estimate.high >= value + wide * (high - value)


# Clusters that are alike ----------------------------------------------------------------------------


def blocks(rows, copies, *, jitter=0.0):
    """Values of so many clusters that all hold the same ones, and the clusters' names."""
    rng = np.random.default_rng(0)
    x = np.tile(rng.exponential(size=rows), copies)
    return x + jitter * rng.normal(size=len(x)), [f"c{i // rows}" for i in range(len(x))]


def ratio(a, b):
    return a[:, 0] / b[:, 0]


@pytest.mark.parametrize("jitter", [0.0, 1e-6, 0.05])
def test_clusters_that_hold_the_same_leave_the_interval_of_independent_items(jitter):
    """Exactly: of 200 clusters Student's t is the normal. By themselves they would leave none."""
    x, clusters = blocks(10, 200, jitter=jitter)
    together, alone = Resampling(2_000, clusters=clusters), Resampling(2_000)
    clustered, independent = together.mean(x, what="m"), alone.mean(x, what="m")
    assert (clustered.value, clustered.low, clustered.high) == pytest.approx(
        (independent.value, independent.low, independent.high), abs=1e-12
    )
    assert clustered.method.endswith("no narrower than of independent items")
    smooth = {"what": "m", "bounds": (0.0, 9.0)}
    clustered, independent = (r.studentised(ratio, x, np.ones(2_000), **smooth) for r in (together, alone))
    assert (clustered.low, clustered.high) == pytest.approx((independent.low, independent.high), abs=1e-9)


def test_few_such_clusters_are_no_surer_of_the_spread_than_their_number_lets_them_be():
    x, clusters = blocks(500, 4)
    clustered, independent = Resampling(2_000, clusters=clusters).mean(x, what="m"), Resampling(2_000).mean(x, what="m")
    student = stats.t.ppf(0.975, 3) / stats.norm.ppf(0.975)
    assert (clustered.high - clustered.low) / (independent.high - independent.low) == pytest.approx(student, rel=0.05)


@pytest.mark.parametrize("within", [0.0, 0.3])
@pytest.mark.parametrize("size", [2, 10])
def test_clusters_that_differ_as_chance_has_it_keep_their_intervals_to_the_bit(monkeypatch, within, size):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        own = np.repeat(rng.normal(size=60) * np.sqrt(within), size)
        x = own + rng.normal(size=60 * size) * np.sqrt(1 - within)
        resampling = Resampling(60 * size, clusters=[f"c{i // size}" for i in range(60 * size)], resamples=300)
        made = (
            resampling.mean(x, what="m"),
            resampling.studentised(ratio, x + 9, np.ones(len(x)), what="m", bounds=(0.0, 99.0)),
        )
        with monkeypatch.context() as patch:
            patch.setattr(Resampling, "too_similar", lambda *_: False)
            assert made[0] == resampling.mean(x, what="m")
            assert made[1] == resampling.studentised(ratio, x + 9, np.ones(len(x)), what="m", bounds=(0.0, 99.0))


def test_clusters_are_too_similar_below_what_chance_leaves():
    x, clusters = blocks(5, 40)
    resampling = Resampling(200, clusters=clusters)
    assert resampling.too_similar(x)
    assert resampling.too_similar(np.random.default_rng(1).normal(size=200), x)
    assert not resampling.too_similar(np.random.default_rng(1).normal(size=200))
    assert not resampling.too_similar(np.repeat(np.arange(40.0), 5))
    assert not resampling.too_similar(np.full(200, 0.1) + 1e-12 * x)
    assert not Resampling(200).too_similar(x)
    assert not Resampling(200, clusters=["one"] * 200).too_similar(x)
    few = [f"c{i}" for i in np.random.default_rng(2).integers(0, 5, 200)]
    assert Resampling(200, clusters=few).too_similar(np.random.default_rng(1).normal(size=200))


def test_independent_items_are_called_too_similar_once_in_ten_thousand_samples():
    rng = np.random.default_rng(0)
    resampling = Resampling(400, clusters=[f"c{i // 4}" for i in range(400)])
    assert sum(resampling.too_similar(rng.normal(size=400)) for _ in range(2_000)) <= 3


def test_another_level_has_independent_items_of_its_own():
    x, clusters = blocks(10, 200)
    resampling = Resampling(2_000, clusters=clusters)
    wide, strict = resampling.mean(x, what="m"), resampling.at(0.99).mean(x, what="m")
    assert strict.high - strict.low > 1.2 * (wide.high - wide.low)
    assert resampling.at(0.99).independent.level == 0.99


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [3, 5, 10, 29])
def test_few_clusters_that_mean_nothing_narrow_no_interval(clusters):
    """Dealt at random, three gave a fourteenth of the width that independent items have."""
    rng = np.random.default_rng(3)
    sure = rng.uniform(0.02, 0.98, (2, 300))
    gold = (rng.random(300) < sure.mean(axis=0)).astype(np.int64)
    models = [np.stack([1 - p, p], axis=1) for p in sure]
    for deal in range(3):
        dealt = [str(c) for c in rng.integers(0, clusters, 300)]
        ways = [Resampling(300, clusters=of, resamples=100, seed=deal) for of in (dealt, None)]
        clustered, independent = (
            measure_all(Pair(*(Answers(most_probable(p, gold), way) for p in models)))["calibration"] for way in ways
        )
        for name in ("smooth_ece_difference", "ece_difference", "brier_difference", "overconfidence_difference"):
            assert clustered[name].low <= independent[name].low, name
            assert clustered[name].high >= independent[name].high, name


# Unequal chances ---------------------------------------------------------------------------------


def test_weights_count_items_as_if_they_were_repeated():
    x, share = np.array([0.3, 0.1, 0.8, 0.5]), np.array([True, False, True, False])
    weights = np.array([1.0, 2.0, 1.0, 4.0])
    weighted = Resampling(4, weights=weights, resamples=50)
    assert weighted.mean(x, what="x").value == pytest.approx(np.average(x, weights=weights))
    assert weighted.share(share, what="x").value == pytest.approx(2 / 8)
    assert weighted.total(x) == pytest.approx((x * weights).sum() * 4 / 8)
    ratio = weighted.studentised(lambda a, b: (a / b)[:, 0], x, np.ones(4), what="x", bounds=(0, 1))
    assert ratio.value == pytest.approx(np.average(x, weights=weights))


def test_equal_weights_change_nothing_but_what_is_said():
    x = np.random.default_rng(0).random(60)
    plain, weighted = (Resampling(60, resamples=200, weights=w) for w in (None, np.full(60, 3.0)))
    for a, b in (
        (plain.mean(x, what="x"), weighted.mean(x, what="x")),
        (plain.share(x > 0.5, what="x"), weighted.share(x > 0.5, what="x")),
    ):
        assert (a.value, a.low, a.high, a.n) == (b.value, b.low, b.high, b.n)
        assert "weight" not in a.method
        assert "weight" in b.method


def test_what_no_weights_reach_is_refused():
    weighted = Resampling(4, weights=np.array([1.0, 1.0, 2.0, 2.0]), resamples=10)
    answers = np.array([True, False, True, True])
    with pytest.raises(ValueError, match="sums, means and shares alone"):
        weighted.share_difference(answers, ~answers, what="x")
    with pytest.raises(ValueError, match="sums, means and shares alone"):
        weighted.quantile(np.arange(4.0), 0.5, what="x")


def test_a_share_of_unequal_weights_is_worth_fewer_items():
    x, weights = np.arange(100) % 4 == 0, np.where(np.arange(100) < 50, 1.0, 9.0)
    plain, weighted = (Resampling(100, weights=w, resamples=10).share(x, what="x") for w in (None, weights))
    assert weighted.high - weighted.low > 1.2 * (plain.high - plain.low)
    assert weighted.n == plain.n == 100


def test_weighted_intervals_hold_the_truth_as_often_as_they_promise():
    """Items drawn with chances that go with their values."""
    rng = np.random.default_rng(0)
    population = rng.exponential(size=20_000)
    chance = 0.25 + population / population.mean()
    held = 0
    for seed in range(300):
        at = rng.choice(len(population), size=150, p=chance / chance.sum())
        made = Resampling(150, weights=1 / chance[at], resamples=400, seed=seed).mean(population[at], what="x")
        held += made.low <= population.mean() <= made.high
    assert held >= 0.92 * 300
