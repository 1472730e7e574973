"""Which items are explained: their chances, their order, and what each stands for."""

import numpy as np
import pytest

import trusteq
from trusteq.explain.draw import EVENLY, by_cluster, chances, drawn, drawn_for_any, in_order, random_keys


def some_items(n, clusters=None):
    return trusteq.Items([f"i{i}" for i in range(n)], {"text": ["a b"] * n}, clusters=clusters)


def test_chances_add_up_to_the_count_and_none_is_above_1():
    moved = np.random.default_rng(0).lognormal(sigma=2.0, size=1000)
    for count in (10, 300, 900, 999):
        chance = chances(moved, count)
        assert chance.sum() == pytest.approx(count)
        assert 0 < chance.min() <= chance.max() <= 1


def test_every_item_keeps_most_of_an_equal_chance():
    moved = np.zeros(1000)
    moved[:5] = 1.0
    chance = chances(moved, 100)
    assert (chance[:5] == 1).all()
    assert chance[5:].min() >= EVENLY * 100 / 1000


def test_where_nothing_moved_all_chances_are_equal_and_the_order_is_that_of_the_keys():
    items = some_items(50)
    chance = chances(np.zeros(50), 20)
    assert (chance == 0.4).all()
    keys = random_keys(items.ids, seed=3)
    assert in_order(items, chance, seed=3) == sorted(range(50), key=keys.__getitem__)


def test_all_items_are_certain_if_all_are_explained():
    assert (chances(np.arange(5.0), 5) == 1).all()
    assert drawn(np.arange(5), some_items(5), np.arange(5.0), 5, seed=0).weights is None


def test_items_are_drawn_as_often_as_their_chances_say():
    moved = np.repeat([0.0, 0.2, 1.0], [60, 30, 10])
    items, chance = some_items(100), chances(moved, 30)
    count = np.zeros(100)
    for seed in range(2000):
        count[in_order(items, chance, seed=seed)[:30]] += 1
    for part in (slice(60), slice(60, 90), slice(90, 100)):
        assert (count[part] / 2000).mean() == pytest.approx(chance[part].mean(), abs=0.01)


def test_a_weighted_mean_is_that_of_all_items_on_average():
    """Also where what is measured goes with movement: the mean of the drawn items alone is far off."""
    moved = np.random.default_rng(1).exponential(size=200)
    items, values = some_items(200), moved + np.arange(200) / 200
    weighted, plain = [], []
    for seed in range(600):
        order = np.array(sorted(in_order(items, chances(moved, 40), seed=seed)[:40]))
        draw = drawn(order, items, moved, 40, seed=seed)
        assert draw.at.tolist() == list(range(40))
        weighted.append(np.average(values[order], weights=draw.weights))
        plain.append(values[order].mean())
    error = np.std(weighted) / np.sqrt(600)
    assert abs(np.mean(weighted) - values.mean()) < 4 * error
    assert np.mean(plain) - values.mean() > 20 * error


def test_another_candidate_changes_nothing_about_a_candidate_s_items():
    items, rng = some_items(300), np.random.default_rng(2)
    one, other = rng.exponential(size=(2, 300))
    own = in_order(items, chances(one, 50), seed=0)[:50]
    both = np.array(sorted({*own, *in_order(items, chances(other, 50), seed=0)[:50]}))
    assert 50 < len(both) < 80  # many in common
    draw = drawn(both, items, one, 50, seed=0)
    assert both[draw.at].tolist() == sorted(own)
    alone = drawn(np.array(sorted(own)), items, one, 50, seed=0)
    assert draw.weights.tolist() == alone.weights.tolist()


def test_an_item_drawn_for_any_candidate_stands_for_the_fewest():
    one, other = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0])
    expected = 1 / np.maximum(chances(one, 2), chances(other, 2))
    assert drawn_for_any(np.arange(4), [one, other], 2).tolist() == expected.tolist()
    assert drawn_for_any(np.arange(4), [one, other], None) is None
    assert drawn_for_any(np.arange(4), [np.zeros(4)], 2) is None


def test_items_of_a_cluster_are_drawn_separately_or_one_cluster_after_another():
    items = some_items(40, clusters=[f"c{i % 8}" for i in range(40)])
    order = [items.clusters[i] for i in by_cluster(items, seed=0)]
    assert order == [name for name in dict.fromkeys(order) for _ in range(5)]
    assert by_cluster(items, seed=1) != by_cluster(items, seed=0)
    alone = some_items(40)
    assert in_order(items, np.ones(40), seed=0) == in_order(alone, np.ones(40), seed=0) == by_cluster(alone, seed=0)


def test_a_sample_comes_from_nearly_all_clusters():
    """500 of 40,000 items in 400 clusters came from five of them, which say little of the others."""
    items = some_items(40_000, clusters=[f"c{i // 100}" for i in range(40_000)])
    assert len({items.clusters[i] for i in in_order(items, np.ones(40_000), seed=0)[:500]}) > 270
