"""The three parts of the data: nothing is in two of them, and the same items give the same parts."""

import numpy as np
import pytest

from trusteq import DataError, Items
from trusteq.data.repeats import item_keys
from trusteq.shrink.parts import parts


def items(count, clusters=None, texts=None, prefix=""):
    ids = [f"{prefix}{i}" for i in range(count)]
    return Items(ids, {"text": texts or [f"{prefix} text {i}" for i in range(count)]}, clusters=clusters, source="data")


def test_half_of_the_items_stay_untouched_and_a_quarter_are_learned_from():
    found = parts(items(400), train=None, test=None, learns=True, seed=0)
    assert {name: len(those) for name, those in found.named()} == {"train": 100, "development": 150, "untouched": 150}
    together = sorted(id_ for _, those in found.named() for id_ in those.ids)
    assert together == sorted(items(400).ids)


def test_nothing_is_split_off_to_learn_from_if_nothing_learns():
    found = parts(items(100), train=None, test=None, learns=False, seed=0)
    assert found.train is None
    assert [name for name, _ in found.named()] == ["development", "untouched"]


def test_given_items_are_used_as_they_are():
    data, test, train = items(10), items(20, prefix="t"), items(30, prefix="l")
    found = parts(data, train=train, test=test, learns=True, seed=0)
    assert (found.train, found.development, found.untouched) == (train, data, test)
    assert set(found.how.values()) == {"given"}


def test_clusters_stay_whole():
    clusters = [f"c{i // 3}" for i in range(300)]
    found = parts(items(300, clusters=clusters), train=None, test=None, learns=True, seed=0)
    by_part = [set(those.clusters) for _, those in found.named()]
    assert sum(map(len, by_part)) == len(set(clusters))
    assert "by cluster" in found.how["untouched"]


def test_equal_items_of_several_clusters_stay_together():
    texts = [f"text {i % 50}" for i in range(200)]
    clusters = [f"c{i // 2}" for i in range(200)]
    found = parts(items(200, clusters=clusters, texts=texts), train=None, test=None, learns=True, seed=0)
    by_part = [set(those.segments["text"]) for _, those in found.named()]
    assert sum(map(len, by_part)) == 50


def test_the_order_of_the_items_does_not_matter():
    data = items(200, clusters=[f"c{i // 2}" for i in range(200)])
    shuffled = data.take(np.random.default_rng(1).permutation(200))
    first, second = (parts(of, train=None, test=None, learns=True, seed=3) for of in (data, shuffled))
    for (_, one), (_, other) in zip(first.named(), second.named(), strict=True):
        assert sorted(one.ids) == sorted(other.ids)


def test_another_seed_gives_other_parts():
    first, second = (parts(items(100), train=None, test=None, learns=False, seed=seed) for seed in (0, 1))
    assert sorted(first.untouched.ids) != sorted(second.untouched.ids)


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_item_in_two_parts_is_refused_by_its_content_whatever_its_id(part):
    given = {"train": None, "test": items(20, prefix="t")} | {part: items(20, prefix="x")}
    texts = [*given[part].segments["text"]]
    texts[7] = "data text 3"
    given[part] = Items(given[part].ids, {"text": texts}, source="other.csv")
    data = Items([str(i) for i in range(20)], {"text": [f"data text {i}" for i in range(20)]}, source="data.csv")
    with pytest.raises(DataError, match=r"1 of 20 .* items are also among the \w+ items, e\.g\. item '"):
        parts(data, train=given["train"], test=given["test"], learns=True, seed=0)


def test_items_that_cannot_be_split_are_refused():
    with pytest.raises(DataError, match=r"1 group of items that belong together cannot be split; give more items"):
        parts(items(10, clusters=["one"] * 10), train=None, test=None, learns=False, seed=0)


def table(rows):
    return Items([str(i) for i in range(len(rows))], {"row": np.asarray(rows, dtype=float)})


def test_equal_rows_of_a_table_stay_together():
    values = np.repeat(np.arange(20.0), 2)[:, None] * [1.0, 3.0]
    found = parts(table(values), train=None, test=None, learns=False, seed=0)
    assert len(found.development) + len(found.untouched) == 40
    assert not set(item_keys(found.development)) & set(item_keys(found.untouched))


def test_a_few_equal_rows_of_two_tables_may_be_chance_and_many_are_an_overlap():
    values = np.arange(80.0)[:, None] * [1.0, 3.0]
    data, few, many = values[:40], values[38:78], values[30:70]
    found = parts(table(data), train=None, test=table(few), learns=False, seed=0)
    assert (len(found.development), len(found.untouched)) == (40, 40)
    for test, count in ((many, 10), (data, 40)):
        with pytest.raises(DataError, match=f"{count} of 40 untouched items are also among the development items"):
            parts(table(data), train=None, test=table(test), learns=False, seed=0)
