import numpy as np
import pytest

from trusteq.comparing.repeated_rows import repeated_rows


def rows(n, *, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.dirichlet(np.ones(3), n), rng.dirichlet(np.ones(3), n), rng.integers(0, 3, n)]


def copies(columns, times):
    return [np.concatenate([column] * times) for column in columns]


def test_copies_are_counted():
    assert repeated_rows(copies(rows(100), 10), None) == 900
    assert repeated_rows(rows(100), None) == 0


def test_rows_that_differ_in_one_model_or_in_gold_are_others():
    one = copies(rows(200), 2)
    assert repeated_rows(one, None) == 200
    for part in range(3):
        other = [column.copy() for column in one]
        other[part][:200] = rows(200, seed=1)[part] if part < 2 else (other[part][:200] + 1) % 3
        assert repeated_rows(other, None) == 0


def test_what_only_rounding_tells_apart_is_equal():
    one = copies(rows(100), 2)
    one[0][100:] += 1e-9
    one[1][one[1] < 1e-3] = -0.0
    assert repeated_rows(one, None) == 100


def test_a_model_of_few_answers_repeats_itself_and_is_no_copy():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(3), 40), rng.dirichlet(np.ones(3), 12)
    columns = [p[rng.integers(0, 40, 2_000)], q[rng.integers(0, 12, 2_000)], rng.integers(0, 3, 2_000)]
    assert repeated_rows(columns, None) == 0
    assert repeated_rows(copies(columns, 2), None) > 2_000


def test_copies_of_one_cluster_are_no_news():
    clusters = [f"c{i % 100}" for i in range(1_000)]
    assert repeated_rows(copies(rows(100), 10), clusters) == 0


def test_clusters_copied_under_other_names_are_counted():
    clusters = [f"c{i // 5}" for i in range(3_000)]
    assert repeated_rows(copies(rows(300), 10), clusters) == 2_700
    assert repeated_rows(rows(3_000), clusters) == 0


@pytest.mark.parametrize("times", [2, 10, 50])
def test_clusters_that_are_all_the_same_are_counted(times):
    clusters = [f"c{i // 40}" for i in range(40 * times)]
    assert repeated_rows(copies(rows(40), times), clusters) == 40 * (times - 1)


def test_clusters_of_a_model_of_few_answers_are_no_copies():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        p = rng.dirichlet(np.ones(3), 6)
        columns = [p[rng.integers(0, 6, 600)], rng.integers(0, 3, 600)]
        assert repeated_rows(columns, [f"c{i // 12}" for i in range(600)]) == 0


def test_the_order_of_items_does_not_matter():
    columns = copies(rows(300), 3)
    order = np.random.default_rng(0).permutation(900)
    clusters = [f"c{i // 4}" for i in range(900)]
    shuffled = [column[order] for column in columns]
    assert repeated_rows(columns, clusters) == repeated_rows(shuffled, [clusters[i] for i in order]) == 600
    assert repeated_rows(columns, None) == repeated_rows(shuffled, None) == 600
