import numpy as np
import pytest
from oracles import bootstrap
from oracles.pairs import drawn, pair_of

from trusteq.comparing.nuclear import item_shares, nuclear_norm


def direct(p):
    n, labels = p.shape
    return np.linalg.norm(p, "nuc") / np.sqrt(min(n, labels) * n)


@pytest.mark.parametrize(("n", "labels"), [(1, 2), (2, 5), (30, 2), (200, 3), (60, 50)])
def test_the_norm_is_numpys_nuclear_norm_divided(n, labels):
    p, q, _ = drawn(n, labels, 0)
    found = nuclear_norm(pair_of(p, q))
    assert found["nuclear_norm_reference"].value == pytest.approx(direct(p), abs=1e-7)
    assert found["nuclear_norm_candidate"].value == pytest.approx(direct(q), abs=1e-7)
    assert found["nuclear_norm_difference"].value == pytest.approx(direct(q) - direct(p), abs=1e-7)


def test_of_fewer_items_than_labels_the_order_does_not_matter():
    """One of three labels has no weight there; its eigenvalue is 0 but for rounding, which the order moves."""
    for seed in range(40):
        p, _, _ = drawn(2, 3, seed)
        assert item_shares(p[::-1].copy()).mean() == pytest.approx(item_shares(p).mean(), abs=1e-12), seed


def test_certain_answers_spread_evenly_over_all_labels_are_one():
    assert item_shares(np.eye(3)[[0, 1, 2] * 4]).mean() == pytest.approx(1.0)


def test_knowing_nothing_is_one_by_the_number_of_labels():
    # A matrix of 1/k has the one singular value sqrt(n / k).
    assert item_shares(np.full((8, 4), 0.25)).mean() == pytest.approx(1 / 4, abs=1e-7)


def test_giving_up_on_a_label_lowers_it():
    assert item_shares(np.eye(3)[[0, 1] * 6]).mean() == pytest.approx(np.sqrt(2 / 3), abs=1e-7)


def test_the_spread_of_the_items_is_the_norms_sampling_error():
    p, _, _ = drawn(400, 3, 1)
    pair = pair_of(p, p, resamples=150)
    draws = bootstrap.draws(pair.resampling, lambda at: direct(p[at]))
    assert item_shares(p).std() / np.sqrt(400) == pytest.approx(draws.std(), rel=0.2)


def test_a_model_and_itself_differ_by_exactly_zero():
    p, _, _ = drawn(20, 3, 0)
    assert nuclear_norm(pair_of(p, p))["nuclear_norm_difference"].value == 0.0
