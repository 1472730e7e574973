"""Laws that hold for every score in the table."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import alignment as oracle
from oracles.alignment import padded, ragged_pairs

from trusteq.comparing.agreement_scores import SCORES

every_score = pytest.mark.parametrize("name", SCORES)


def drawn(items=300, units=25, seed=0):
    """Two related explanations of items with 0 to ``units`` units; no two units tied."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(items, units))
    b = a + rng.normal(size=(items, units))
    lengths = rng.integers(0, units + 1, size=items)
    beyond = np.arange(units) >= lengths[:, None]
    a[beyond] = b[beyond] = 0
    return a, b, lengths


def test_every_score_has_an_oracle():
    assert SCORES.keys() == oracle.SCORES.keys()


@every_score
@settings(derandomize=True, deadline=None, max_examples=100)
@given(rows=ragged_pairs(), k=st.integers(1, 5))
def test_a_score_is_that_of_its_oracle_ties_included(name, rows, k):
    (a, lengths), (b, _) = padded(rows[0]), padded(rows[1])
    expected = [oracle.SCORES[name](x, y, k) for x, y in zip(*rows, strict=True)]
    assert SCORES[name].of(a, b, lengths, k) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@every_score
def test_a_score_is_that_of_its_oracle_on_longer_items(name):
    a, b, lengths = drawn(items=60)
    k = np.random.default_rng(1).integers(1, 15, size=60)
    expected = [oracle.SCORES[name](a[i, :n].tolist(), b[i, :n].tolist(), int(k[i])) for i, n in enumerate(lengths)]
    assert SCORES[name].of(a, b, lengths, k) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@pytest.mark.slow
@every_score
@settings(derandomize=True, deadline=None, max_examples=60)
@given(rows=ragged_pairs(), k=st.integers(1, 5))
def test_identical_explanations_score_exactly_one_wherever_defined(name, rows, k):
    a, lengths = padded(rows[0])
    found = SCORES[name].of(a, a, lengths, k)
    varied = [len({abs(x) for x in row}) > 1 for row in rows[0]]
    assert set(found[~np.isnan(found)].tolist()) <= {1.0}
    assert not np.isnan(found[varied]).any()


@every_score
def test_identical_explanations_of_any_numbers_score_exactly_one(name):
    a, _, lengths = drawn()
    assert set(SCORES[name].of(a, a.copy(), lengths, 5)[lengths > 1].tolist()) == {1.0}


@every_score
def test_different_explanations_score_less_and_not_below_the_least(name):
    a, b, lengths = drawn()
    found = SCORES[name].of(a, b, lengths, 5)[lengths > 20]
    assert found.mean() < 0.95
    assert found.min() >= (-1 if name in ("spearman", "signed_spearman", "cosine") else 0)


@pytest.mark.slow
@every_score
@settings(derandomize=True, deadline=None, max_examples=60)
@given(rows=ragged_pairs(), k=st.integers(1, 5))
def test_either_explanation_may_come_first(name, rows, k):
    (a, lengths), (b, _) = padded(rows[0]), padded(rows[1])
    of = SCORES[name].of
    np.testing.assert_array_equal(of(a, b, lengths, k), of(b, a, lengths, k))


@every_score
def test_the_scale_of_an_explanation_does_not_matter(name):
    a, b, lengths = drawn()
    of = SCORES[name].of
    expected = of(a, b, lengths, 5)
    np.testing.assert_array_equal(of(a * 2.0**40, b / 2.0**30, lengths, 5), expected)
    assert of(a * 3.7, b * 1e-9, lengths, 5) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@every_score
def test_the_order_of_units_does_not_matter_without_ties(name):
    a, b, _ = drawn()
    a, b = np.random.default_rng(1).normal(size=(2, *a.shape))
    lengths = np.full(len(a), a.shape[1])
    shuffled = np.random.default_rng(2).permutation(a.shape[1])
    of = SCORES[name].of
    assert of(a[:, shuffled], b[:, shuffled], lengths, 5) == pytest.approx(of(a, b, lengths, 5), abs=1e-12)


@every_score
def test_padding_and_other_items_change_no_bit(name):
    a, b, lengths = drawn()
    of = SCORES[name].of
    expected = of(a, b, lengths, 5)
    wider = of(*(np.pad(x, ((0, 0), (0, 200))) for x in (a, b)), lengths, 5)
    alone = [of(a[i : i + 1, :n], b[i : i + 1, :n], lengths[i : i + 1], 5)[0] for i, n in enumerate(lengths)]
    np.testing.assert_array_equal(wider, expected)
    np.testing.assert_array_equal(alone, expected)


@every_score
def test_no_items_and_no_units_are_no_error(name):
    of = SCORES[name].of
    assert of(np.zeros((0, 4)), np.zeros((0, 4)), np.zeros(0, dtype=np.int64), 3).shape == (0,)
    assert np.isnan(of(np.zeros((2, 0)), np.zeros((2, 0)), np.zeros(2, dtype=np.int64), 3)).all()


@every_score
def test_attributions_that_are_not_finite_are_refused(name):
    a, b, lengths = drawn()
    b[np.flatnonzero(lengths)[0], 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        SCORES[name].of(a, b, lengths, 5)


@every_score
def test_only_scores_of_the_top_k_mind_k(name):
    a, b, lengths = drawn()
    score = SCORES[name]
    changed = not np.array_equal(score.of(a, b, lengths, 2), score.of(a, b, lengths, 7), equal_nan=True)
    assert changed == score.uses_k


@pytest.mark.parametrize("name", [name for name, score in SCORES.items() if score.chance])
@pytest.mark.parametrize("n", range(6))
@pytest.mark.parametrize("k", [1, 2, 4])
def test_chance_is_the_mean_over_every_shuffle_of_one_explanation(name, n, k):
    b = np.array(list(permutations([0.5, -2.0, 3.0, 1.5, -4.0][:n])), dtype=np.float64)
    a = np.tile([-5.0, 0.3, 1.0, -3.5, 2.0][:n], (len(b), 1))
    lengths = np.full(len(b), n)
    found = SCORES[name].of(a, b, lengths, k)
    assert SCORES[name].chance(lengths[:1], k) == pytest.approx([found.mean()], abs=1e-12, nan_ok=True)
