import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import calibration as oracle
from oracles.pairs import pair_of

from trusteq.comparing.bins import FINE_CELLS, FINE_EDGES, WIDE_EDGES, bin_of, wide_bin
from trusteq.stats.rows import floored_log, largest_column

EDGES_AND_NEIGHBOURS = sorted(
    {x for k in range(11) for x in (k / 10, np.nextafter(k / 10, 0), np.nextafter(k / 10, 1)) if 0 <= x <= 1}
)


@pytest.mark.parametrize("find", [wide_bin, lambda x: bin_of(x, WIDE_EDGES)])
def test_a_confidence_on_an_edge_is_in_the_bin_above_it_and_one_in_the_last(find):
    found = find(np.array(EDGES_AND_NEIGHBOURS))
    assert found.tolist() == [oracle.wide_bin(x) for x in EDGES_AND_NEIGHBOURS]
    assert find(np.array([0.3, 0.7, 1.0])).tolist() == [3, 7, 9]


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.floats(0, 1) | st.sampled_from(EDGES_AND_NEIGHBOURS), min_size=1, max_size=50))
def test_the_wide_bin_is_the_last_whose_lower_edge_is_not_above(values):
    assert wide_bin(np.array(values)).tolist() == [oracle.wide_bin(x) for x in values]


@settings(derandomize=True, max_examples=100)
@given(st.lists(st.floats(0, 1), min_size=1), st.lists(st.floats(0.01, 0.99), min_size=1, max_size=5, unique=True))
def test_no_value_falls_out_of_its_bins(values, inner):
    edges = np.array([0.0, *sorted(inner), 1.0])
    assert bin_of(np.array(values), edges).tolist() == [oracle.bin_between(x, edges) for x in values]


def test_the_fine_grid_rises_and_nests_in_the_ten_bins():
    assert (np.diff(FINE_EDGES) > 0).all()
    assert FINE_EDGES[-1] < 1
    assert set(WIDE_EDGES[:-1]) <= set(FINE_EDGES)
    x = np.random.default_rng(0).random(1_000)
    answers = pair_of(np.stack([x, 1 - x], axis=1), np.stack([x, 1 - x], axis=1)).reference
    assert (wide_bin(FINE_EDGES[answers.fine_cell]) == wide_bin(answers.confidence)).all()


def test_a_confidence_of_one_is_in_the_last_fine_cell():
    assert pair_of([[1.0, 0.0]], [[1.0, 0.0]]).reference.fine_cell.tolist() == [FINE_CELLS - 1]


def test_the_answer_is_the_first_of_equally_probable_labels():
    answers = pair_of([[0.2, 0.4, 0.4], [0.5, 0.25, 0.25]], np.full((2, 3), 1 / 3), [1, 1]).reference
    assert answers.answer.tolist() == [1, 0]
    assert answers.confidence.tolist() == [0.4, 0.5]
    assert answers.right.tolist() == [True, False]


@pytest.mark.parametrize("columns", range(1, 9))
def test_the_largest_column_is_numpys_in_few_columns_and_in_many(columns):
    for p in (
        np.random.default_rng(columns).random((500, columns)),
        np.random.default_rng(0).integers(3, size=(500, columns)),
    ):
        p = p.astype(np.float64)
        where, value = largest_column(p)
        assert where.tolist() == p.argmax(axis=1).tolist()
        assert value.tolist() == p.max(axis=1).tolist()


def test_multiplying_finds_no_value_on_an_edge_below_it():
    # What `wide_bin` relies on: it corrects only downwards.
    assert (WIDE_EDGES[:-1] * 10 >= np.arange(10)).all()


def test_logarithms_are_floored():
    logs = floored_log(np.array([[1.0, 0.0]]))
    assert logs.tolist() == [[0.0, pytest.approx(np.log(1e-12))]]


def test_binned_sums_are_those_of_the_items_in_the_bin():
    p = [[0.9, 0.1], [0.6, 0.4], [0.95, 0.05]]
    binned = pair_of(p, p, [0, 1, 1]).reference.binned(np.array([1, 0, 1]), 2)
    assert binned.count.total.tolist() == [1, 2]
    assert binned.confidence.total == pytest.approx([0.6, 1.85])
    assert binned.right.total.tolist() == [0, 1]
