"""How far items are independent: by hand."""

from dataclasses import replace

import numpy as np
import pytest

from trusteq import Items
from trusteq.auditing.independence import Independence, copies, independence
from trusteq.data.repeats import contents


def items(texts, clusters=None):
    return Items([f"i{i}" for i in range(len(texts))], {"text": texts}, clusters=clusters)


def test_different_items_are_independent_and_none_is_explained():
    some = items([f"t{i}" for i in range(20)])
    assert copies(some, contents(some), 0) == 1
    assert independence(some, contents(some), 1.0, []) == Independence()


@pytest.mark.parametrize(("equal", "expected"), [(1, 1.0), (2, 1.0), (4, (4**2 + 96) / 100), (100, 100.0)])
def test_a_hundred_texts_of_which_some_are_equal(equal, expected):
    """Of two equal ones, 1.02 items are worth an independent one, which is as good as all of them."""
    some = items(["same"] * equal + [f"t{i}" for i in range(100 - equal)])
    assert copies(some, contents(some), 0) == pytest.approx(expected)


def test_rows_without_texts_are_counted_by_those_that_repeat_beyond_chance():
    rows = Items([f"i{i}" for i in range(100)])
    assert [copies(rows, None, repeated) for repeated in (0, 4, 50, 100)] == [1.0, 1.0, 2.0, 100.0]


def test_of_explained_items_only_those_that_are_among_them_count():
    some = items(["same"] * 50 + [f"t{i}" for i in range(50)])
    of = contents(some)
    assert independence(some, of, 1.0, [np.arange(50, 100)]).explained_copies == 1
    assert independence(some, of, 1.0, [np.arange(40)]).explained_copies == 40
    assert independence(some, of, 1.0, [np.arange(50, 100), np.arange(40)]).explained_copies == 40


def test_the_fewest_clusters_of_any_way_of_explaining_count():
    some = replace(items([f"t{i}" for i in range(12)]), clusters=[f"c{i // 3}" for i in range(12)])
    of = contents(some)
    assert independence(some, of, 1.0, [np.arange(7)]).explained_clusters == 3
    assert independence(some, of, 1.0, [np.arange(7), np.arange(2)]).explained_clusters == 1
    assert independence(some, of, 1.0, []).explained_clusters is None
    assert independence(replace(some, clusters=None), of, 1.0, [np.arange(7)]).explained_clusters is None
