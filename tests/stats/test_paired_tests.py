import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import paired
from scipy import stats
from statsmodels.stats.contingency_tables import SquareTable
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from trusteq.stats.paired_tests import answer_table, bowker, chi2_homogeneity, mcnemar, stuart_maxwell


def rights(lost, won, both=5, neither=3):
    reference = [True] * lost + [False] * won + [True] * both + [False] * neither
    candidate = [False] * lost + [True] * won + [True] * both + [False] * neither
    return np.array(reference), np.array(candidate)


def test_mcnemar_of_five_lost_and_one_won_is_14_of_64():
    # 2 (C(6,0) + C(6,1)) / 2^6 = 14 / 64.
    assert mcnemar(*rights(5, 1)).p_value == pytest.approx(14 / 64)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(lost=st.integers(0, 40), won=st.integers(0, 40))
def test_mcnemar_is_the_binomial_tail(lost, won):
    result = mcnemar(*rights(lost, won))
    assert result.p_value == pytest.approx(paired.mcnemar(lost, won))
    assert result.statistic == min(lost, won)
    assert result.n == lost + won + 8


def test_mcnemar_is_that_of_statsmodels():
    assert mcnemar(*rights(17, 6)).p_value == pytest.approx(statsmodels_mcnemar([[5, 17], [6, 3]], exact=True).pvalue)


def test_mcnemar_without_any_change_is_exactly_one():
    assert mcnemar(*rights(0, 0)).p_value == 1.0


def test_the_answer_table_has_the_reference_in_rows():
    table = answer_table(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 0]), 3)
    assert table.tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("seed", range(6))
def test_bowker_and_stuart_maxwell_are_those_of_statsmodels_on_full_tables(seed):
    rng = np.random.default_rng(seed)
    labels = 2 + seed
    table = rng.integers(1, 30, (labels, labels))
    theirs = SquareTable(table, shift_zeros=False)
    symmetry, homogeneity = theirs.symmetry(), theirs.homogeneity("stuart_maxwell")
    ours = bowker(table)
    assert (ours.statistic, ours.df) == (pytest.approx(symmetry.statistic), symmetry.df)
    assert ours.p_value == pytest.approx(symmetry.pvalue)
    ours = stuart_maxwell(table)
    assert (ours.statistic, ours.df) == (pytest.approx(homogeneity.statistic), homogeneity.df)
    assert ours.p_value == pytest.approx(homogeneity.pvalue)
    assert paired.bowker(table) == (pytest.approx(bowker(table).statistic), bowker(table).df)
    assert paired.stuart_maxwell(table) == (pytest.approx(ours.statistic), ours.df)


def test_bowker_counts_no_degree_of_freedom_for_pairs_that_never_change():
    # 0 <-> 1: (8 - 2)^2 / 10 = 3.6; 0 <-> 2 and 1 <-> 2 never.
    result = bowker(np.array([[9, 8, 0], [2, 9, 0], [0, 0, 9]]))
    assert (result.statistic, result.df) == (pytest.approx(3.6), 1)


def test_stuart_maxwell_of_two_labels_is_mcnemars_chi_squared():
    result = stuart_maxwell(np.array([[50, 8], [2, 40]]))
    assert (result.statistic, result.df) == (pytest.approx(3.6), 1)
    assert result.p_value == pytest.approx(stats.chi2.sf(3.6, 1))


def test_stuart_maxwell_passes_over_a_label_that_nobody_gives():
    full = stuart_maxwell(np.array([[5, 8, 3], [2, 9, 4], [6, 1, 7]]))
    padded = np.zeros((5, 5), dtype=np.int64)
    padded[np.ix_([0, 2, 4], [0, 2, 4])] = [[5, 8, 3], [2, 9, 4], [6, 1, 7]]
    result = stuart_maxwell(padded)
    assert (result.statistic, result.df) == (pytest.approx(full.statistic), full.df)


def test_stuart_maxwell_adds_up_labels_that_change_only_among_themselves():
    # Two blocks of two labels, each a McNemar: 6^2 / 10 + 3^2 / 9.
    table = np.array([[9, 8, 0, 0], [2, 9, 0, 0], [0, 0, 9, 3], [0, 0, 6, 9]])
    result = stuart_maxwell(table)
    assert (result.statistic, result.df) == (pytest.approx(3.6 + 1.0), 2)


def test_stuart_maxwell_sees_shares_only_and_bowker_the_moves():
    # Answers go round in a circle: every label keeps its share, and yet no pair is symmetric.
    table = np.array([[5, 9, 0], [0, 5, 9], [9, 0, 5]])
    assert stuart_maxwell(table).p_value == pytest.approx(1.0)
    assert bowker(table).p_value < 1e-4


@pytest.mark.parametrize("test", [bowker, stuart_maxwell])
def test_models_that_answer_alike_have_p_exactly_one(test):
    result = test(np.diag([4, 0, 9]))
    assert (result.p_value, result.statistic, result.df) == (1.0, 0.0, 0)


def test_stuart_maxwell_has_full_rank_with_fifty_labels():
    rng = np.random.default_rng(0)
    reference = rng.integers(50, size=3_000)
    candidate = np.where(rng.random(3_000) < 0.3, rng.integers(50, size=3_000), reference)
    assert stuart_maxwell(answer_table(reference, candidate, 50)).df == 49


def test_stuart_maxwells_p_values_are_uniform_when_shares_are_equal():
    rng = np.random.default_rng(1)
    p = []
    for _ in range(400):
        reference = rng.integers(3, size=400)
        candidate = np.where(rng.random(400) < 0.4, rng.integers(3, size=400), reference)
        p.append(stuart_maxwell(answer_table(reference, candidate, 3)).p_value)
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_the_unpaired_chi_squared_is_that_of_two_rows_of_counts():
    table = np.array([[20, 10], [0, 30]])
    expected = stats.chi2_contingency([[30, 30], [20, 40]], correction=False)
    result = chi2_homogeneity(table)
    assert (result.statistic, result.p_value) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))
    assert result.df == 1


def test_the_unpaired_chi_squared_misses_a_change_that_the_paired_test_finds():
    table = np.array([[200, 12], [1, 187]])
    assert chi2_homogeneity(table).p_value > 0.4
    assert stuart_maxwell(table).p_value < 0.01


def test_the_unpaired_chi_squared_of_one_label_is_exactly_one():
    assert chi2_homogeneity(np.array([[7, 0], [0, 0]])).p_value == 1.0


def test_the_unpaired_chi_squared_leaves_out_labels_that_nobody_gives():
    assert chi2_homogeneity(np.array([[20, 10, 0], [0, 30, 0], [0, 0, 0]])).df == 1
