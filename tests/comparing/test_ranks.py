import tracemalloc

import numpy as np
import pytest
from oracles.alignment import padded
from scipy import stats

from trusteq.comparing.ranks import chance_rbo, pairwise_rank_agreement, rbo, signed_spearman, spearman


def one(of, a, b):
    (a, lengths), (b, _) = padded([a]), padded([b])
    return float(of(a, b, lengths)[0])


def test_pairwise_rank_agreement_by_hand():
    # Of the six pairs only the last two units change places.
    assert one(pairwise_rank_agreement, [4.0, 3.0, 2.0, 1.0], [4.0, -3.0, 1.0, 2.0]) == pytest.approx(5 / 6)
    assert one(pairwise_rank_agreement, [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == 0.0


def test_a_pair_tied_in_both_agrees_and_tied_in_one_does_not():
    assert one(pairwise_rank_agreement, [2.0, -2.0], [5.0, 5.0]) == 1.0
    assert one(pairwise_rank_agreement, [2.0, -2.0], [5.0, 4.0]) == 0.0
    assert one(pairwise_rank_agreement, [2.0, 1.0], [5.0, 5.0]) == 0.0


def test_no_score_for_items_without_two_units():
    a, lengths = padded([[], [1.0], [1.0, 2.0]])
    for of in (pairwise_rank_agreement, spearman, signed_spearman):
        np.testing.assert_array_equal(of(a, a, lengths), [np.nan, np.nan, 1.0])


def test_pairwise_rank_agreement_of_each_item_does_not_depend_on_the_others():
    """So many that not all are looked at together."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 10, size=10_000)
    a, b = rng.integers(0, 5, size=(2, 10_000, 9)) * (np.arange(9) < lengths[:, None]) * 1.0
    by_parts = [
        pairwise_rank_agreement(*part) for part in zip(*(np.split(x, 50) for x in (a, b, lengths)), strict=True)
    ]
    np.testing.assert_array_equal(pairwise_rank_agreement(a, b, lengths), np.concatenate(by_parts))


def test_pairs_of_many_units_are_never_all_in_memory_at_once():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 200, 500))
    tracemalloc.start()
    pairwise_rank_agreement(a, b, np.full(200, 500))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # All pairs as bools would be 50 MB.
    assert peak < 8_000_000


@pytest.mark.timeout(20)
def test_pairwise_rank_agreement_of_one_long_text_among_short_ones():
    rng = np.random.default_rng(0)
    a, b = (padded([rng.permutation(20_000) + 1.0, *rng.integers(0, 5, size=(40, 12)).astype(float)]) for _ in "ab")
    found = pairwise_rank_agreement(a[0], b[0], a[1])
    assert 2 * found[0] - 1 == pytest.approx(stats.kendalltau(a[0][0], b[0][0]).statistic)
    assert found[1:].tolist() == pairwise_rank_agreement(a[0][1:, :12], b[0][1:, :12], a[1][1:]).tolist()


def test_pairwise_rank_agreement_is_kendalls_tau_without_ties():
    rng = np.random.default_rng(0)
    a, b = rng.random(size=(2, 20, 30))
    found = pairwise_rank_agreement(a, b, np.full(20, 30))
    assert 2 * found - 1 == pytest.approx([stats.kendalltau(x, y).statistic for x, y in zip(a, b, strict=True)])


def test_spearman_is_that_of_scipy_ties_included():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-6, 7, size=(2, 50, 15)).astype(np.float64)
    lengths = np.full(50, 15)
    for of, x, y in ((spearman, np.abs(a), np.abs(b)), (signed_spearman, a, b)):
        expected = [stats.spearmanr(u, v).statistic for u, v in zip(x, y, strict=True)]
        assert of(a, b, lengths) == pytest.approx(expected)


def test_the_opposite_order_is_exactly_minus_one():
    a = np.arange(1.0, 40.0)
    assert one(spearman, a, a[::-1]) == -1.0
    assert one(signed_spearman, a, -a) == -1.0
    assert one(spearman, a, -a) == 1.0


def test_spearman_is_undefined_where_one_finds_all_units_equally_important():
    assert np.isnan(one(spearman, [1.0, -1.0, 1.0], [1.0, 2.0, 3.0]))
    assert one(signed_spearman, [1.0, -1.0, 1.0], [1.0, 0.0, 1.0]) == 1.0


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        # Published examples of two implementations of RBO_ext (b4ny4n/rankmeasures; dlukes/rbo).
        ("abcde bcdae", 0.828),
        ("abcdefg bacdefg", 0.900),
        # A_1 = 0, A_2 = 1: 1 - 0.1.
        ("ab ba", 0.9),
    ],
)
def test_rbo_of_known_cases(order, expected):
    first, second = order.split()
    units = sorted(first)
    a, b = ([float(len(units) - ranking.index(unit)) for unit in units] for ranking in (first, second))
    assert one(rbo, a, b) == pytest.approx(expected, abs=0.0005)


def test_rbo_with_another_persistence():
    a, lengths = padded([[2.0, 1.0]])
    b, _ = padded([[1.0, 2.0]])
    assert rbo(a, b, lengths, p=0.25) == pytest.approx([0.25])


def test_rbo_minds_the_top_more_than_the_tail():
    a = np.arange(10.0, 0.0, -1.0)
    top, tail = a.copy(), a.copy()
    top[:2], tail[-2:] = a[[1, 0]], a[[9, 8]]
    assert one(rbo, a, top) < one(rbo, a, tail) < 1


def test_rbo_of_one_unit_is_one_and_of_none_undefined():
    a, lengths = padded([[], [3.0]])
    np.testing.assert_array_equal(rbo(a, -a, lengths), [np.nan, 1.0])
    np.testing.assert_allclose(chance_rbo(lengths), [np.nan, 1.0])


@pytest.mark.parametrize("p", [0.0, 1.0, -0.5, np.nan])
def test_a_persistence_that_is_none_is_refused(p):
    a, lengths = padded([[1.0]])
    for of in (lambda: rbo(a, a, lengths, p), lambda: chance_rbo(lengths, p)):
        with pytest.raises(ValueError, match="persistence"):
            of()
