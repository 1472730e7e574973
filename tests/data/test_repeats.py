from dataclasses import replace

import numpy as np
import pytest

from trusteq import Items
from trusteq.data.repeats import contents, copies_of_one, repeats


def repeats_in(of):
    return repeats(of, contents(of))


def copies_in(of):
    return copies_of_one(of, contents(of))


def items(*rows, **more):
    one, two = zip(*rows, strict=True)
    return Items(ids=[str(i) for i in range(len(rows))], segments={"one": one, "two": two}, **more)


def test_items_of_different_texts_repeat_nothing():
    assert repeats_in(items(("a", "b"), ("b", "a"), ("ab", " "[:0] + "c"), ("a", "bc"))) == 0


def test_every_item_after_the_first_of_its_texts_counts():
    assert repeats_in(items(("a", "b"), ("a", "b"), ("x", "y"), ("a ", "b"))) == 2


def test_a_repeat_within_its_cluster_is_no_news():
    rows = [("a", "b")] * 4
    assert repeats_in(items(*rows, clusters=["p", "p", "p", "p"])) == 0
    assert repeats_in(items(*rows, clusters=["p", "p", "q", "q"])) == 2


@pytest.mark.parametrize("segments", [{}, {"row": np.zeros((3, 2))}])
def test_without_texts_nothing_is_known(segments):
    assert repeats_in(Items(ids=["1", "2", "3"], segments=segments)) == 0


def test_an_array_beside_the_text_counts_too():
    segments = {"text": ["a", "a", "a"], "row": np.array([[0], [1], [1]])}
    assert repeats_in(Items(ids=["1", "2", "3"], segments=segments)) == 1


def test_how_many_items_are_worth_an_independent_one():
    """Twenty texts a hundred times and a thousand once: (20 * 100**2 + 1000) / 3000."""
    texts = [f"often {i % 20}" for i in range(2_000)] + [f"once {i}" for i in range(1_000)]
    items = Items([f"i{i}" for i in range(3_000)], {"text": texts})
    assert copies_in(items) == pytest.approx(67)
    assert copies_in(items.take(range(2_000, 3_000))) == 1
    together = replace(items, clusters=[text if text.startswith("often") else "" for text in texts])
    assert copies_in(together) == 1
    assert copies_in(Items(["a", "b"])) == 1
