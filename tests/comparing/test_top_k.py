import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import alignment as oracle
from oracles.alignment import padded, ragged_pairs

from trusteq.comparing import top_k as module
from trusteq.comparing.agreement_scores import SCORES
from trusteq.comparing.top_k import (
    boundary_tie,
    chance_feature_agreement,
    chance_jaccard,
    chance_rank_agreement,
    feature_agreement,
    jaccard,
    rank_agreement,
    sign_agreement,
    signed_rank_agreement,
    tied_mass,
    top_count,
    top_k,
)


def chosen(top):
    return [np.flatnonzero(row).tolist() for row in top]


def test_the_largest_absolute_attributions_are_the_top():
    a, lengths = padded([[0.1, -5.0, 2.0, -0.3]])
    assert chosen(top_k(a, lengths, 2)) == [[1, 2]]


def test_of_equal_units_the_earlier_is_in():
    a, lengths = padded([[1.0, -2.0, 2.0, 2.0], [2.0, np.nextafter(2.0, 3.0), 0.0, 0.0], [2.0, 2.0 + 1e-8, 0.0, 0.0]])
    assert chosen(top_k(a, lengths, 2)) == [[1, 2], [0, 1], [0, 1]]
    assert chosen(top_k(a, lengths, 1)) == [[1], [0], [1]]


@pytest.mark.parametrize("score", SCORES)
def test_rounding_errors_decide_nothing(score):
    """Two words with an effect, eight without one: those come out as 1e-17, in another order on another processor."""
    rng = np.random.default_rng(0)
    a, b = (np.zeros((200, 10)) for _ in range(2))
    a[:, [1, 5]], b[:, [1, 5]] = [0.3, -0.2], [0.2, 0.2]
    lengths = np.full(200, 10)
    exact = SCORES[score].of(a, b, lengths, 5)
    a, b = (x + rng.normal(0, 1e-17, x.shape) for x in (a, b))
    assert np.allclose(SCORES[score].of(a, b, lengths, 5), exact, rtol=0, atol=1e-12)
    assert (tied_mass(a, lengths, 5) == 0).all()
    assert (boundary_tie(a, lengths, 5).sum(axis=1) == 8).all()


def test_items_with_fewer_units_have_all_of_them_in():
    a, lengths = padded([[0.0, 1.0, 2.0], [0.0, 0.0], []])
    assert chosen(top_k(a, lengths, 3)) == [[0, 1, 2], [0, 1], []]


def test_k_can_be_each_items_own():
    a, lengths = padded([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    assert chosen(top_k(a, lengths, np.array([1, 2]))) == [[0], [0, 1]]


@pytest.mark.parametrize("k", [0, -1, 1.0, np.array([1, 2, 3]), np.array([1, 0])])
def test_a_k_that_is_no_count_is_refused(k):
    with pytest.raises(ValueError, match="k must be a whole number of at least 1"):
        top_k(np.ones((2, 3)), np.array([3, 3]), k)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(ragged_pairs(), st.integers(1, 5))
def test_top_k_and_tied_mass_are_those_of_the_oracle(rows, k):
    a, lengths = padded(rows[0])
    assert chosen(top_k(a, lengths, k)) == [sorted(oracle.top(row, k)) for row in rows[0]]
    assert tied_mass(a, lengths, k) == pytest.approx([oracle.tied_mass(row, k) for row in rows[0]], nan_ok=True)


def test_a_top_fraction_is_rounded_up_and_at_least_one():
    assert top_count(np.array([0, 1, 3, 10, 11, 100]), 0.25).tolist() == [1, 1, 1, 3, 3, 25]


@pytest.mark.parametrize("percent", range(1, 101))
def test_a_whole_percentage_of_a_hundred_units_is_that_many(percent):
    assert top_count(np.array([100]), percent / 100).tolist() == [percent]


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1, math.nan])
def test_a_fraction_that_is_none_is_refused(fraction):
    with pytest.raises(ValueError, match="top fraction"):
        top_count(np.array([3]), fraction)


def test_tied_mass_is_the_share_of_all_units_in_a_tie_across_the_boundary():
    a, lengths = padded([[4.0, -2.0, 2.0, 1.0, 1.0]])
    # Two units of 2 in a total of 10, and two of 1; between the groups the top k is clear.
    assert [float(tied_mass(a, lengths, k)[0]) for k in range(1, 6)] == pytest.approx([0, 0.4, 0, 0.2, 0])
    assert chosen(boundary_tie(a, lengths, 2)) == [[1, 2]]


def test_padding_is_tied_with_nothing():
    a, lengths = padded([[1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    assert chosen(boundary_tie(a, lengths, 2)) == [[], [1, 2], [1, 2, 3]]


def test_zeros_tied_across_the_boundary_have_no_mass_and_are_still_seen():
    a, lengths = padded([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(tied_mass(a, lengths, 2), [0.0, np.nan, 0.0])
    assert boundary_tie(a, lengths, 2).any(axis=1).tolist() == [True, True, False]


def test_jaccard_by_hand():
    a = np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], dtype=bool)
    b = np.array([[0, 1, 1, 1, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 0]], dtype=bool)
    np.testing.assert_array_equal(jaccard(a, b), [0.5, 0.0, np.nan])


@pytest.mark.parametrize(
    ("k", "n", "expected"),
    [(10, 10, 1.0), (10, 12, 0.718), (10, 18, 0.392), (10, 60, 0.095), (5, 10, 0.350), (3, 10, 0.201), (3, 60, 0.031)],
)
def test_chance_jaccard_of_known_cases(k, n, expected):
    assert chance_jaccard(np.array([n]), k) == pytest.approx([expected], abs=0.0005)


def test_chance_jaccard_is_the_mean_over_all_pairs_of_sets():
    cases = [(n, k) for n in range(1, 8) for k in range(1, 9)]
    lengths, k = np.array(cases).T
    assert chance_jaccard(lengths, k) == pytest.approx([oracle.mean_jaccard_of_all_sets(*case) for case in cases])


def test_chance_jaccard_is_exactly_one_up_to_k_units_and_undefined_for_none():
    np.testing.assert_array_equal(chance_jaccard(np.array([3, 0, 10, 10]), 10), [1.0, np.nan, 1.0, 1.0])


def test_chance_of_no_items_is_empty():
    none = np.zeros(0, dtype=np.int64)
    assert [of(none, 3).shape for of in (chance_jaccard, chance_feature_agreement, chance_rank_agreement)] == [(0,)] * 3


@pytest.mark.timeout(20)
def test_chance_jaccard_of_a_long_text_takes_no_time():
    assert chance_jaccard(np.array([40_000]), 10_000) == pytest.approx([1 / 7], rel=2e-4)


def test_chance_jaccard_of_many_units_nears_its_limit():
    # k / (2n - k) when n is large.
    assert chance_jaccard(np.array([2_000]), 500) == pytest.approx([500 / 3_500], rel=0.002)


def test_chance_jaccard_is_worked_out_once_for_each_n_and_k():
    module._chance_jaccard.cache_clear()
    chance_jaccard(np.array([7, 9, 7, 9, 7]), 4)
    chance_jaccard(np.array([9, 9]), np.array([4, 5]))
    assert module._chance_jaccard.cache_info().misses == 3


def krishna(a, b, k):
    (a, lengths), (b, _) = padded([a]), padded([b])
    return [
        float(of(a, b, lengths, k)[0])
        for of in (feature_agreement, rank_agreement, sign_agreement, signed_rank_agreement)
    ]


def test_krishnas_four_by_hand():
    # Orders: 0 1 2 3 and 0 2 1 4. Top 4 in common: 0, 1, 2; same rank: 0; same sign: 0 and 2; both: 0.
    a = [9.0, 7.0, 5.0, 3.0, 1.0]
    b = [9.0, -5.0, 7.0, 1.0, 3.0]
    assert krishna(a, b, 4) == [0.75, 0.25, 0.5, 0.25]


def test_opposite_signs_leave_only_the_agreements_without_signs():
    a = [3.0, -2.0, 1.0]
    assert krishna(a, [-x for x in a], 2) == [1.0, 1.0, 0.0, 0.0]


def test_zero_agrees_in_sign_with_zero_of_either_sign_and_with_nothing_else():
    assert krishna([1.0, 0.0], [1.0, -0.0], 2) == [1.0, 1.0, 1.0, 1.0]
    assert krishna([1.0, 0.0], [1.0, 0.5], 2) == [1.0, 1.0, 0.5, 0.5]


def test_sets_without_a_common_unit_score_zero():
    assert krishna([3.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 2.0], 2) == [0.0, 0.0, 0.0, 0.0]


def test_shares_are_of_the_units_there_are_when_these_are_fewer_than_k():
    assert krishna([3.0, 2.0], [2.0, 3.0], 10) == [1.0, 0.0, 1.0, 0.0]


def test_chance_of_feature_and_rank_agreement():
    lengths = np.array([20, 5, 0])
    np.testing.assert_array_equal(chance_feature_agreement(lengths, 10), [0.5, 1.0, np.nan])
    np.testing.assert_array_equal(chance_rank_agreement(lengths, 10), [0.05, 0.2, np.nan])
