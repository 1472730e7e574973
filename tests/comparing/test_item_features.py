"""The table of terms: every term has exactly the items that match it, and costs what there was to choose from."""

import math

import numpy as np
import pytest

from trusteq import Items
from trusteq.comparing.conditions import Seen, Term, in_words, matches, seen
from trusteq.comparing.item_features import MIN_ITEMS, MOST_ENDS, SUBJECTS, item_features
from trusteq.data.pictures import Pictures
from trusteq.tasks.outcomes import most_probable


def known(n=120, seed=0, segments=2):
    rng = np.random.default_rng(seed)
    words = ["a", "The", "dog", "cat", "Not", "good", "NASA", "in", "Rome", "?", "😀", "10"]
    texts = {f"s{k}": [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(n)] for k in range(segments)}
    p = rng.dirichlet(np.ones(3), size=n)
    columns = {"genre": [f"g{x}" for x in rng.integers(4, size=n)]}
    labels = rng.integers(3, size=n)
    items = Items([f"i{i}" for i in range(n)], texts, labels=labels, label_names=("x", "y", "z"), columns=columns)
    return seen(items, most_probable(p, labels), ("x", "y", "z"))


@pytest.mark.parametrize("segments", [1, 2])
def test_the_table_has_the_items_that_match_each_term(segments):
    data = known(segments=segments)
    features = item_features(data)
    assert {term.kind for term in features.terms} >= set(SUBJECTS) - ({"overlap"} if segments == 1 else set())
    for at, term in enumerate(features.terms):
        assert np.array_equal(features.table[:, [at]].toarray().ravel() > 0, matches([term], data)), term


def test_no_term_is_of_few_items_or_all_but_few_and_none_is_there_twice():
    features = item_features(known())
    table = features.table.toarray()
    assert table.sum(axis=0).min() >= MIN_ITEMS
    assert table.sum(axis=0).max() <= 120 - MIN_ITEMS
    assert len({column.tobytes() for column in table.T}) == len(features.terms)


def test_of_terms_with_the_same_items_the_plainest_is_kept():
    texts = ["the film cf"] * 10 + ["the film was fun"] * 5 + ["it was"] * 5
    features = item_features(seen(Items([str(i) for i in range(20)], {"text": texts})))
    having = [term for term in features.terms if matches([term], Items(["x"], {"text": ["the film cf"]})).all()]
    assert Term("word", "cf") in having
    assert Term("last word", "cf") not in features.terms


def test_a_term_costs_the_logarithm_of_the_others_about_its_subject():
    data = known(segments=1)
    features = item_features(data)
    cost = dict(zip(features.terms, features.cost.tolist(), strict=True))
    assert cost[Term("label", "x")] == pytest.approx(math.log(8) + math.log(3))
    assert cost[Term("column", "g0", name="genre")] == pytest.approx(math.log(8) + math.log(4))
    assert cost[Term("word", "dog")] > cost[Term("label", "x")]


def test_ends_of_numbers_are_many_at_most_and_cover_all():
    n = 1000
    texts = ["word " * (1 + i % 90) for i in range(n)]
    features = item_features(seen(Items([str(i) for i in range(n)], {"text": texts})))
    lows = [term.low for term in features.terms if term.kind == "count" and term.low is not None]
    assert 10 < len(lows) <= MOST_ENDS
    assert lows == sorted(lows)


def lit(values):
    """Items of pictures of one grey each."""
    pictures = Pictures.of_arrays(np.full((2, 2), value, np.uint8) for value in values)
    return seen(Items([str(i) for i in range(len(values))], {"photo": pictures}))


def test_measures_of_a_segment_are_terms_that_say_what_they_match():
    data = lit(np.arange(200) + 20)
    features = item_features(data)
    assert {(term.kind, term.name, term.value, term.segment) for term in features.terms} == {
        ("count", "brightness", "", "")
    }
    assert {term.low is None for term in features.terms} == {True, False}
    for at, term in enumerate(features.terms):
        np.testing.assert_array_equal(features.table[:, [at]].toarray().ravel(), matches([term], data))
    assert in_words(features.terms[1:2]) == "have a brightness of at least 37"


def test_ends_of_measures_are_rounded_to_what_tells_them_apart():
    class Glowing(Pictures):
        def measures(self):
            return {"glow": np.linspace(0.011, 0.0123456, len(self))}

    data = Seen(40, {"photo": Glowing(lit(range(40)).segments["photo"].pictures)})
    ends = [end for term in item_features(data).terms for end in (term.low, term.high) if end is not None]
    assert all(end == round(end, 5) for end in ends)
    assert len(set(ends)) > 20


def test_measures_of_several_segments_are_told_apart():
    photo = lit(np.arange(40) + 20).segments["photo"]
    data = Seen(40, {"left": photo, "right": photo.take(np.random.default_rng(0).permutation(40))})
    measured = {(term.name, term.segment) for term in item_features(data).terms}
    assert measured == {("brightness", "left"), ("brightness", "right")}


def test_the_order_of_the_items_does_not_matter():
    first, again = known(seed=3), known(seed=3)
    assert item_features(first).terms == item_features(again).terms


def test_terms_of_a_kind_can_be_left_out():
    features = item_features(known())
    fewer = features.without("answer")
    assert {term.kind for term in features.terms} - {term.kind for term in fewer.terms} == {"answer"}
    assert fewer.table.shape[1] == len(fewer.terms) == len(fewer.cost)


def test_items_without_segments_or_answers_have_their_columns_alone():
    items = Items([str(i) for i in range(20)], columns={"g": ["a", "b"] * 10})
    assert [term.kind for term in item_features(seen(items)).terms] == ["column", "column"]
    nothing = item_features(seen(Items([str(i) for i in range(20)])))
    assert nothing.terms == ()
    assert nothing.table.shape == (20, 0)
