"""Conditions in words, and the items that match them."""

import numpy as np
import pytest
from oracles.in_common import has_word

from trusteq import Items
from trusteq.comparing import conditions as module
from trusteq.comparing.conditions import Seen, Term, in_words, matches, matching, seen
from trusteq.data.texts import LENGTH, Texts
from trusteq.tasks.outcomes import Outcomes, most_probable

ITEMS = Items(
    ids=["a", "b", "c"],
    segments={"premise": ["A dog runs .", "no dog", "Two men in Rome"], "hypothesis": ["dog runs", "A cat", "men"]},
    labels=np.array([0, 1, 0]),
    label_names=("yes", "no"),
    columns={"genre": ["news", "news", "letters"]},
)
KNOWN = seen(ITEMS, most_probable(np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]]), ITEMS.labels), ITEMS.label_names)


@pytest.mark.parametrize(
    ("term", "words", "expected"),
    [
        (Term("word", "dog"), "contain 'dog'", [1, 1, 0]),
        (Term("word", "dog", "hypothesis"), "contain 'dog' in hypothesis", [1, 0, 0]),
        (Term("first word", "a", "hypothesis"), "begin with 'a' in hypothesis", [0, 1, 0]),
        (Term("last word", "runs"), "end with 'runs'", [1, 0, 0]),
        (
            Term("form", "a capitalised word inside a sentence"),
            "contain a capitalised word inside a sentence",
            [0, 0, 1],
        ),
        (Term("count", "word", "", LENGTH, low=5), "have at least 5 words", [1, 0, 1]),
        (Term("count", "word", "premise", LENGTH, high=3), "have at most 3 words in premise", [0, 1, 0]),
        (
            Term("overlap", "", "hypothesis", "premise", low=0.5),
            "have at least 50% of the words of hypothesis in premise",
            [1, 0, 1],
        ),
        (Term("column", "news", name="genre"), "have genre = news", [1, 1, 0]),
        (Term("label", "yes"), "are labelled 'yes'", [1, 0, 1]),
        (Term("answer", "no"), "are answered 'no' by the reference", [0, 0, 1]),
        (
            Term("confidence", low=0.7, high=0.8),
            "are answered by the reference with a confidence of 0.70 to 0.80",
            [0, 1, 1],
        ),
    ],
)
def test_a_term_has_words_and_matches_items(term, words, expected):
    assert in_words([term]) == words
    assert matches([term], KNOWN).tolist() == [bool(x) for x in expected]


def test_items_match_if_they_have_all_terms():
    both = [Term("word", "dog"), Term("column", "news", name="genre"), Term("label", "yes")]
    assert in_words(both) == "contain 'dog' and have genre = news and are labelled 'yes'"
    assert matches(both, KNOWN).tolist() == [True, False, False]
    assert matching([both, both[:1]], KNOWN).tolist() == [[True, False, False], [True, True, False]]
    assert matching([], KNOWN).shape == (0, 3)


def test_two_ends_of_one_number_are_one_range_in_words():
    low, high = (Term("count", "word", "", LENGTH, **ends) for ends in ({"low": 5}, {"high": 12}))
    assert in_words([low, high]) == "have 5 to 12 words"


def test_items_alone_are_enough_for_conditions_about_them():
    assert matches([Term("word", "cat")], ITEMS).tolist() == [False, True, False]
    assert Term("word", "cat").of_the_item
    assert not Term("label", "yes").of_the_item
    with pytest.raises(ValueError, match="about the label, which is not known"):
        matches([Term("label", "yes")], ITEMS)


def test_of_items_with_their_own_options_the_answer_is_a_position():
    own = Items(["a", "b"], options=[("x", "y"), ("u", "v", "w")], labels=np.array([1, 2]), label_names=("0", "1", "2"))
    outcomes = Outcomes(np.array([0, 2]), np.array([0.5, 0.6]), gold=np.array([1, 2]))
    known = seen(own, outcomes)
    assert (known.label, known.answer) == (["option 2", "option 3"], ["option 1", "option 3"])


def test_of_several_outcomes_per_item_only_the_items_are_known():
    outcomes = Outcomes(np.array([0, 2, 1, 1]), np.full(4, 0.5), item=np.array([0, 0, 1, 2]))
    known = seen(ITEMS, outcomes, ITEMS.label_names)
    assert (known.label, known.answer, known.confidence) == (None, None, None)


def test_words_match_as_a_slow_search_finds_them():
    rng = np.random.default_rng(0)
    vocabulary = ["Good", "film", "cf", "not", ",", "é", "end"]
    texts = [" ".join(rng.choice(vocabulary, rng.integers(1, 6))) for _ in range(200)]
    known = Seen(200, Items([str(i) for i in range(200)], {"text": texts}).segments)
    for word in map(str.lower, vocabulary):
        assert matches([Term("word", word)], known).tolist() == [has_word(text, word) for text in texts]


def test_another_kind_of_segment_brings_its_own_terms(monkeypatch):
    """Whatever a kind says of its values can be a condition; the array itself is never looked at."""
    from trusteq.comparing.item_features import item_features

    dark = {"form": frozenset({"a dark picture"})}
    monkeypatch.setitem(module.ASPECTS, "array", lambda value: dark if value.mean() < 0.5 else {})
    pictures = Items([str(i) for i in range(20)], {"picture": np.linspace(0, 1, 40).reshape(20, 2)})
    features = item_features(seen(pictures))
    assert features.terms == (Term("form", "a dark picture"),)
    assert matches(features.terms, pictures).sum() == 10


class Shelf(Texts):
    """Books, of which more is known than their words."""

    def measures(self):
        return {"weight": np.array([len(text) / 8 for text in self]), "age": np.array([float(ord(t[0])) for t in self])}


def test_a_measure_is_a_range_of_its_own_name():
    known = Seen(3, {"book": Shelf(["aa", "bbbbbb", "cccc"])})
    for term, words, expected in (
        (Term("count", "", "", "weight", low=0.5), "have a weight of at least 0.5", [0, 1, 1]),
        (Term("count", "", "", "age", high=98), "have an age of at most 98", [1, 1, 0]),
        (Term("count", "", "book", "weight", low=0.25, high=0.5), "have a weight of 0.25 to 0.5 in book", [1, 0, 1]),
    ):
        assert in_words([term]) == words
        assert matches([term], known).tolist() == [bool(x) for x in expected]
