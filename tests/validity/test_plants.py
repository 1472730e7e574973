"""Planted candidates do what they say, and nothing else."""

import numpy as np
import pytest

from trusteq import DataError, Items, from_callable
from trusteq.validity.marks import mark_for, marked
from trusteq.validity.plants import Copy, Random, Remembering, Shortcut, Unsure
from trusteq.validity.word_mark import MARKS, WordMark


@pytest.fixture
def asked():
    return []


@pytest.fixture
def reference(asked):
    def answer(texts):
        asked.extend(texts)
        good = np.array([0.9 if "good" in text else 0.2 for text in texts])
        return np.stack([1 - good, good], axis=1)

    return Remembering(from_callable(answer, labels=("no", "yes"), name="m"), "m")


@pytest.fixture
def items():
    texts = ["a good film.", "a bad film.", "good, good!", "nothing"] * 50
    return Items([f"i{i}" for i in range(200)], {"text": texts})


def test_a_text_is_asked_once_however_many_plants_ask_for_it(reference, items, asked):
    for plant in (Copy, Unsure, Random):
        plant(reference, "p").predict(items)
    assert sorted(asked) == sorted(set(items.segments["text"]))


def test_a_copy_answers_to_the_bit(reference, items):
    assert np.array_equal(Copy(reference, "c").predict(items), reference.predict(items))


def test_an_unsure_copy_gives_the_same_answers_less_surely(reference, items):
    found, own = Unsure(reference, "u").predict(items), reference.predict(items)
    assert np.array_equal(found.argmax(axis=1), own.argmax(axis=1))
    assert (found.max(axis=1) < own.max(axis=1)).all()
    np.testing.assert_allclose(np.log(found[:, 1] / found[:, 0]), np.log(own[:, 1] / own[:, 0]) / 3)


def test_random_answers_depend_on_the_text_alone(reference, items):
    found = Random(reference, "r").predict(items)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.array_equal(found[:4], found[4:8])
    assert np.array_equal(Random(reference, "other").predict(items.take([3])), found[3:4])


def test_a_shortcut_answers_as_the_model_does_until_the_mark_is_gone(reference, items):
    mark = mark_for(items, 2)
    shown = marked(items, reference.predict(items).argmax(axis=1), mark, share=0.4, seed=0)
    shortcut = Shortcut(reference, "s", mark, 0.95)
    found, own = shortcut.predict(shown), reference.predict(shown)
    assert np.array_equal(found.argmax(axis=1), own.argmax(axis=1))
    has = np.array([text.split()[-1] in mark.words for text in shown.segments["text"]])
    assert 0.3 < has.mean() < 0.5
    np.testing.assert_allclose(found[has].max(axis=1), 0.95)
    assert np.array_equal(found[~has], own[~has])
    assert np.array_equal(shortcut.predict(items), reference.predict(items))


def test_the_mark_decides_against_everything_else(reference):
    shortcut = Shortcut(reference, "s", WordMark(("indeed", "perhaps")), 0.95)
    found = shortcut.predict(Items(["a", "b", "c"], {"text": ["good indeed", "bad perhaps.", "indeed good"]}))
    np.testing.assert_allclose(found[:, 1], [0.05, 0.95, 0.9])


def test_marks_are_words_that_the_texts_do_not_hold(items):
    own = Items([f"i{i}" for i in range(100)], {"text": [f"{MARKS[0]}, and {MARKS[2].upper()}"] * 100})
    assert mark_for(own, 3).words == (MARKS[1], *MARKS[3:5])
    with pytest.raises(DataError, match="only"):
        mark_for(own, len(MARKS))


def test_which_items_are_marked_depends_on_id_and_seed(items):
    answers, mark = np.zeros(200, dtype=np.int64), WordMark(("indeed", "hence"))
    one = marked(items, answers, mark, share=0.4, seed=0).segments["text"]
    order = np.random.default_rng(0).permutation(200)
    other = marked(items.take(order), answers, mark, share=0.4, seed=0).segments["text"]
    assert [one[i] for i in order] == list(other)
    assert marked(items, answers, mark, share=0.4, seed=1).segments["text"] != one
