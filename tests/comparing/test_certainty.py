"""How sure the top words are."""

import numpy as np
import pytest
from scipy import stats

from trusteq.comparing.certainty import certainty


def of(a, error, k):
    a = np.array([a], dtype=float)
    return certainty(a, np.broadcast_to(np.asarray(error, dtype=float), a.shape), np.array([a.shape[1]]), k)[0]


def test_it_is_that_of_the_closest_pair_across_the_edge():
    expected = stats.norm.cdf((2.0 - 1.5) / np.hypot(0.2, 0.3))
    assert of([3.0, -2.0, 1.5, 0.1], [0.1, 0.2, 0.3, 0.1], 2) == pytest.approx(expected)


def test_a_wide_error_far_down_can_be_the_weakest_link():
    expected = stats.norm.cdf((2.0 - 0.5) / np.hypot(0.1, 3.0))
    assert of([3.0, 2.0, 1.5, 0.5], [0.1, 0.1, 0.1, 3.0], 2) == pytest.approx(expected)


def test_exact_attributions_are_certain_unless_tied():
    assert of([3.0, 2.0, 1.0], 0.0, 2) == 1
    assert of([3.0, 2.0, 2.0], 0.0, 2) == 0.5


def test_an_item_of_k_units_or_fewer_is_certain():
    assert of([1.0, 1.0], 9.0, 2) == of([1.0, 1.0], 9.0, 5) == 1


def test_padding_does_not_count():
    a = np.array([[3.0, 2.0, 1.0, 0.0, 0.0]])
    error = np.full_like(a, 0.5)
    assert certainty(a, error, np.array([3]), 2)[0] == of([3.0, 2.0, 1.0], 0.5, 2)


def test_sets_that_are_certified_at_95_percent_are_wrong_in_at_most_5():
    rng = np.random.default_rng(0)
    truth = np.sort(rng.exponential(size=8))[::-1]
    seen = truth + rng.normal(size=(4000, 8)) * 0.15
    lengths = np.full(len(seen), 8)
    certified = certainty(seen, np.full_like(seen, 0.15), lengths, 3) >= 0.95
    wrong = np.array([set(np.argsort(-np.abs(row))[:3]) != {0, 1, 2} for row in seen])
    assert certified.sum() > 50
    # Among all draws, as the test's level says; without the errors it would be far more.
    assert (certified & wrong).mean() <= 0.05 < wrong.mean()
