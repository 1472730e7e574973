import numpy as np
import pytest
from oracles.pairs import drawn, pair_of
from scipy import stats

from trusteq.comparing.skewsize import effects, skewness, skewsize


def test_cramers_v_by_hand():
    # Expected 5 in each cell: chi2 = 4 * 9 / 5 = 7.2 of 20 items, one degree: V = .6.
    assert effects(np.array([[[[8.0, 2.0], [2.0, 8.0]]]])) == pytest.approx(np.array([[0.6]]))


@pytest.mark.parametrize("shape", [(2, 3), (4, 3), (3, 5)])
def test_cramers_v_is_scipys(shape):
    table = np.random.default_rng(0).integers(1, 20, shape)
    expected = stats.contingency.association(table, method="cramer", correction=False)
    assert effects(table[None, None].astype(float))[0, 0] == pytest.approx(expected)


def test_cramers_v_passes_over_groups_and_answers_that_do_not_occur():
    table = np.array([[8, 0, 2], [0, 0, 0], [2, 0, 8]])
    assert effects(table[None, None].astype(float))[0, 0] == pytest.approx(0.6)


def test_an_answer_that_follows_the_group_is_exactly_one_and_one_that_does_not_exactly_zero():
    tables = np.array([[[[5.0, 0.0], [0.0, 7.0]], [[4.0, 8.0], [2.0, 4.0]]]])
    assert effects(tables)[0] == pytest.approx([1.0, 0.0], abs=1e-9)


def test_a_label_with_one_group_or_one_answer_has_no_effect_to_measure():
    tables = np.array([[[[5.0, 5.0], [0.0, 0.0]], [[4.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]])
    assert np.isnan(effects(tables)).all()


def test_skewness_is_fisher_pearsons():
    values = np.array([[0.1, 0.1, 0.1, 0.9], [0.2, 0.4, 0.6, 0.8]])
    assert skewness(values) == pytest.approx(stats.skew(values, axis=1), abs=1e-9)


def test_skewness_leaves_out_what_is_not_known_and_is_zero_where_all_are_equal():
    assert skewness(np.array([[0.1, np.nan, 0.1, 0.9]])) == pytest.approx(stats.skew([0.1, 0.1, 0.9]))
    assert skewness(np.array([[0.3, 0.3, 0.3], [np.nan, np.nan, np.nan]])).tolist() == [0.0, 0.0]


def planted(n=3_000, seed=0):
    """Three labels; the candidate errs on the first label's items of group "b", and only there."""
    rng = np.random.default_rng(seed)
    gold, group = rng.integers(4, size=n), rng.choice(["a", "b"], size=n)
    answer = np.where(rng.random(n) < 0.1, (gold + 1) % 4, gold)
    hit = np.where((gold == 0) & (group == "b") & (rng.random(n) < 0.6), 1, answer)
    return np.eye(4)[answer], np.eye(4)[hit], gold, group


def test_a_candidate_that_fails_one_group_of_one_label_has_the_larger_effects():
    p, q, gold, group = planted()
    found = skewsize(pair_of(p, q, gold, resamples=200), group, column="region")
    assert found["skewsize_candidate"].value > 1
    assert found["largest_effect_candidate"].value > 0.5
    assert found["largest_effect_difference"].low > 0.3
    assert "region" in found["skewsize_reference"].method


def test_the_groups_names_do_not_matter():
    p, q, gold, group = planted(600)
    pair = pair_of(p, q, gold)
    other = np.where(group == "a", "z", "y")
    for name, e in skewsize(pair, group, column="c").items():
        assert skewsize(pair, other, column="c")[name].value == pytest.approx(e.value), name


def test_groups_that_differ_in_a_nul_at_their_end_are_two():
    p, q, gold = drawn(200, 3, 0)
    assert skewsize(pair_of(p, q, gold), ["a", "a\0"] * 100, column="c")


def test_with_two_labels_the_skewness_is_zero():
    p, q, gold = drawn(200, 2, 0)
    found = skewsize(pair_of(p, q, gold), ["a", "b"] * 100, column="c")
    assert found["skewsize_reference"].value == pytest.approx(0.0, abs=1e-9)


def test_it_is_not_measured_without_labels_or_with_one_group_or_with_too_many():
    p, q, gold = drawn(40, 3, 0)
    assert skewsize(pair_of(p, q), ["a", "b"] * 20, column="c") == {}
    assert skewsize(pair_of(p, q, gold), ["a"] * 40, column="c") == {}
    p, q, gold = drawn(40, 30, 0)
    assert skewsize(pair_of(p, q, gold), [str(i) for i in range(40)], column="c") == {}
