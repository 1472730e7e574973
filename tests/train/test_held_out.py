"""Items that choose the epoch."""

from dataclasses import replace

import numpy as np
import pytest

from trusteq import DataError, Items
from trusteq.train.held_out import held_out, learned_too


@pytest.fixture
def items():
    ids = [f"i{i}" for i in range(160)]
    return Items(ids=ids, segments={"text": ids}, labels=np.arange(160) % 2, label_names=("no", "yes"))


def test_a_tenth_is_held_out_and_nothing_is_in_both(items):
    learn, held = held_out(items, seed=0)
    assert (len(learn), len(held)) == (144, 16)
    assert not set(learn.ids) & set(held.ids)
    assert held_out(items, seed=1)[1].ids != held.ids


def test_items_of_one_cluster_are_held_out_together(items):
    learn, held = held_out(replace(items, clusters=[str(i // 4) for i in range(160)]), seed=0)
    assert len(held) == 16
    assert not set(learn.clusters) & set(held.clusters)


@pytest.mark.parametrize("clusters", [None, [str(i // 2) for i in range(160)]])
def test_equal_texts_are_held_out_together(items, clusters):
    repeated = replace(items, segments={"text": [f"text {i % 40}" for i in range(160)]}, clusters=clusters)
    learn, held = held_out(repeated, seed=0)
    assert len(held) == 16
    assert learned_too(learn, held) is None


def test_one_item_cannot_be_split(items):
    with pytest.raises(DataError, match="1 item cannot be split"):
        held_out(items.take([0]), seed=0)
    with pytest.raises(DataError, match="1 different item cannot be split"):
        held_out(replace(items, segments={"text": ["the same"] * 160}), seed=0)


def test_items_to_choose_by_that_are_learned_from_are_told(items):
    learn, held = held_out(items, seed=0)
    assert learned_too(items, None) is None
    assert learned_too(learn, held) is None
    assert (
        learned_too(learn, learn)
        == "144 items of the 144 to choose by (items) are also among those to learn from, by content"
    )
    renamed = Items(["x", "y"], {"text": [items.segments["text"][0], "new"]})
    assert learned_too(items, renamed).startswith("1 item of the 2 to choose by")
