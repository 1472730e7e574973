import numpy as np
import pytest

from trusteq.stats.multiplicity import benjamini_hochberg, holm


def test_holm_multiplies_the_smallest_by_n_the_next_by_one_less_and_never_falls():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1 = 0.04, 0.06, 0.06, 0.04; the last is raised to 0.06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_holm_never_exceeds_one():
    assert holm([0.6, 0.9]) == [1.0, 1.0]


def test_holm_leaves_a_single_p_value():
    assert holm([0.03]) == pytest.approx([0.03])


def test_holm_of_none_is_none():
    assert holm([]) == []


def test_benjamini_hochberg_multiplies_by_n_over_rank_and_never_falls():
    # Sorted 0.01, 0.02, 0.025, 0.5 times 4/1, 4/2, 4/3, 4/4 = 0.04, 0.04, 0.0333, 0.5; the first two are lowered.
    assert benjamini_hochberg([0.5, 0.02, 0.01, 0.025]) == pytest.approx([0.5, 0.1 / 3, 0.1 / 3, 0.1 / 3])


def test_benjamini_hochberg_of_none_is_none():
    assert benjamini_hochberg([]) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("ours", "method"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_both_are_those_of_statsmodels(ours, method, seed):
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(seed).random(30) ** (1 + seed)
    p[5:9] = p[4]
    assert ours(p.tolist()) == pytest.approx(multipletests(p, method=method)[1].tolist(), rel=1e-12)
