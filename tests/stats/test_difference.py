import numpy as np
import pytest
from oracles.pairs import pair_of, planted

from trusteq.comparing.compute_measures import measure_all
from trusteq.comparing.corp import corp
from trusteq.stats.difference import minus


def test_a_difference_by_rounding_is_0_whatever_the_size():
    assert minus(0.1 + 0.2, 0.3) == 0
    assert minus(3e-300 * (1 + 2e-16), 3e-300) == 0
    assert minus(3e-300, 1e-300) == pytest.approx(2e-300)
    assert minus(0.1 + 1e-12, 0.1) == pytest.approx(1e-12, rel=1e-3)
    assert minus(-4.163e-17, 0.0) != 0
    assert minus(-4.163e-17, 0.0, terms=1.0) == 0
    assert list(minus([1.0, np.inf], [1.0, 2.0])) == [0, np.inf]


def test_what_has_no_difference_is_unknown_still():
    with np.errstate(invalid="ignore"):
        assert np.isnan(minus(np.nan, 1.0))


def test_a_candidate_that_ranks_its_answers_as_the_reference_does_loses_no_discrimination():
    """A change of temperature with two labels keeps the order of confidences, and so what isotonic regression makes."""
    found = []
    for seed in range(40):
        p, _, gold = planted(300, seed, labels=2)
        q = p**1.7 / (p**1.7).sum(axis=1, keepdims=True)
        found.append(corp(pair_of(p, q, gold))["discrimination_difference"])
    assert {e.value for e in found} == {0.0}
    assert not any(e.high < 0 for e in found)


def test_no_difference_of_two_models_that_differ_by_rounding_is_printed_as_one():
    """The candidate's labels are in another order, so that its sums are rounded otherwise."""
    p, _, gold = planted(400, 3, labels=5)
    q = np.exp(np.log(p) - np.log(np.exp(np.log(p)).sum(axis=1, keepdims=True)))
    assert not np.array_equal(p, q)
    measures = measure_all(pair_of(p, q, gold))
    said = {name: str(e) for group in measures.values() for name, e in group.items() if name.endswith("_difference")}
    assert "brier_difference" in said
    assert not {name: text for name, text in said.items() if text.split()[0] not in {"0", "-0"}}
