import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trusteq.tasks.rows import Rows, joined, ragged

LISTS = st.lists(st.lists(st.floats(-5, 5), max_size=4), min_size=1, max_size=8)


def listed(rows):
    return [rows.values[rows.item == i, 0].tolist() for i in range(len(rows))]


@given(LISTS, st.data())
@settings(derandomize=True)
def test_items_are_taken_with_all_their_rows(answers, data):
    at = data.draw(st.lists(st.integers(0, len(answers) - 1), max_size=10))
    assert listed(ragged(answers).take(np.array(at, dtype=np.int64))) == [answers[i] for i in at]


@given(LISTS, LISTS)
@settings(derandomize=True)
def test_parts_are_joined_in_their_order(first, second):
    assert listed(joined([ragged(first), ragged(second)])) == first + second


def test_rows_of_one_each_stay_so():
    rows = joined([Rows(np.eye(2)), Rows(np.ones((1, 2)))])
    assert rows.counts is None
    assert len(rows) == 3
    assert rows.take(np.array([2, 0])).values.tolist() == [[1, 1], [1, 0]]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([[1.0], [2.0, 3.0]], [[1.0], [2.0, 3.0]], True),
        ([[1.0], [2.0, 3.0]], [[1.0, 2.0], [3.0]], False),
        ([[1.0], [2.0]], [[1.0], [2.5]], False),
    ],
)
def test_answers_are_the_same_where_every_item_has_the_same_rows(one, other, same):
    assert ragged(one).equals(ragged(other)) is same
