import numpy as np
import pytest
from scipy import stats

from trusteq.stats.recurrence import ENOUGH, FACTORS, clusters_too_similar, copied


def came(values):
    return np.unique(values, return_counts=True)[1]


DISTRIBUTIONS = {
    "continuous": lambda rng, n: rng.random(n),
    "two decimals": lambda rng, n: rng.beta(8, 2, n).round(2),
    "three decimals, sharp": lambda rng, n: rng.beta(0.3, 0.1, n).round(3),
    "eight values": lambda rng, n: rng.choice(8, n, p=rng.dirichlet(np.ones(8))),
    "equal leaves": lambda rng, n: rng.integers(0, 64, n),
    "as many values as items": lambda rng, n: rng.integers(0, n, n),
    "a few certain, the others not": lambda rng, n: np.where(rng.random(n) < 0.6, 1.0, rng.random(n)),
    "power law": lambda rng, n: rng.zipf(1.5, n),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("n", [10, 100, 1_000, 5_000])
def test_independent_draws_are_no_copies_whatever_they_are_drawn_from(name, n):
    for seed in range(60):
        assert not copied(came(DISTRIBUTIONS[name](np.random.default_rng(seed), n)), n), seed


@pytest.mark.parametrize("name", sorted(DISTRIBUTIONS.keys() - {"eight values"}))
@pytest.mark.parametrize("times", [2, 3, 10, 30])
def test_everything_copied_is_seen(name, times):
    for seed in range(20):
        values = DISTRIBUTIONS[name](np.random.default_rng(seed), 500)
        assert copied(came(np.tile(values, times)), 500 * times), seed


def test_of_very_few_values_copies_may_be_as_they_are():
    """Eight counts that are all even are nothing odd; 500 counts are."""
    values = np.random.default_rng(0).integers(0, 8, 500)
    assert not copied(came(np.tile(values, 2)), 1_000)


@pytest.mark.parametrize(("extra", "n"), [(100, 200), (250, 1_000), (500, 5_000)])
def test_some_rows_copied_are_seen_among_values_that_do_not_come_twice_by_chance(extra, n):
    values = np.random.default_rng(0).random(n)
    assert copied(came(np.concatenate([values, values[:extra]])), n + extra)
    assert copied(came(np.concatenate([values, *[values[:extra]] * 4])), n + 4 * extra)


def test_a_few_equal_rows_show_nothing():
    values = np.random.default_rng(0).random(1_000)
    assert not copied(came(np.concatenate([values, values[:20]])), 1_020)


def test_a_multiple_is_never_as_likely_as_the_test_allows():
    """The largest chance over all likelihoods of a value, of a multiple of k given that it came at all."""
    for k in FACTORS:
        for n in (40, 400):
            p = np.geomspace(1e-4, 0.25, 200)
            multiples = stats.binom.pmf(np.arange(k, n + 1, k)[:, None], n, p).sum(axis=0)
            assert (multiples / (1 - (1 - p) ** n)).max() <= 1 / np.sqrt(2 * k) + 1e-9


def test_the_bound_on_values_that_come_j_times_holds_on_average():
    """Known answer: F_j / binom(n, j) is log-convex in j for the very numbers that are expected."""
    n, p = 50, np.random.default_rng(0).dirichlet(np.full(200, 0.3))
    expected = [stats.binom.pmf(j, n, p).sum() / stats.binom(n, 0.5).pmf(j) for j in range(1, 12)]
    assert all(b * b <= a * c * (1 + 1e-9) for a, b, c in zip(expected, expected[1:], expected[2:], strict=False))


@pytest.mark.parametrize("groups", [2, 5, 40])
@pytest.mark.parametrize("values", [2, 10, 200, 5_000])
def test_values_dealt_by_chance_are_not_alike(groups, values):
    for seed in range(60):
        rng = np.random.default_rng(seed)
        value = np.unique(rng.integers(0, values, 1_000), return_inverse=True)[1]
        assert not clusters_too_similar(value, np.unique(rng.integers(0, groups, 1_000), return_inverse=True)[1])
        assert not clusters_too_similar(value, np.sort(rng.integers(0, groups, 1_000)) % groups)


@pytest.mark.parametrize(("rows", "copies"), [(40, 2), (40, 50), (5, 8), (21, 2)])
def test_groups_of_the_same_values_are_alike(rows, copies):
    assert clusters_too_similar(np.tile(np.arange(rows), copies), np.repeat(np.arange(copies), rows))


def test_groups_of_nearly_the_same_values_are_alike():
    value = np.tile(np.arange(40), 50)
    value[::40] = np.random.default_rng(0).integers(0, 40, 50)
    assert clusters_too_similar(value, np.repeat(np.arange(50), 40))


def test_groups_of_other_values_and_few_groups_are_not_alike():
    assert not clusters_too_similar(np.repeat(np.arange(40), 25), np.repeat(np.arange(40), 25))
    assert not clusters_too_similar(np.tile(np.arange(ENOUGH), 2), np.repeat([0, 1], ENOUGH))
    assert not clusters_too_similar(np.zeros(10, dtype=int), np.arange(10))
