from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from trusteq import DataError, Items, LabelError


@pytest.fixture
def items():
    return Items(
        ids=["a", "b", "c"],
        segments={"t": ["one", "two", "three"], "x": np.arange(6).reshape(3, 2)},
        labels=np.array([1, 0, 1]),
        label_names=("no", "yes"),
        columns={"s": ["p", "q", "r"]},
        clusters=["1", "1", "2"],
        source="f.csv",
        ignored=4,
    )


def test_no_items_are_refused(refused):
    with refused("f.csv", "no items", error=DataError):
        Items(ids=[], source="f.csv")


def test_an_id_that_appears_twice_is_refused(refused):
    with refused("f.csv", "items 1 and 3", "'a'", "--by-row", error=DataError):
        Items(ids=["a", "b", "a"], source="f.csv")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"ids": [1, 2]}, "ids must be texts, but value 1 is 1 of type int"),
        ({"ids": "ab"}, "ids must be a list of texts, found the text 'ab'"),
        ({"clusters": ["x", None]}, "clusters must be texts, but value 2 is None of type NoneType"),
        ({"columns": {"s": ["x", 2.0]}}, "column 's' must be texts, but value 2 is 2.0"),
        ({"segments": {"t": ["x", None]}}, "segment 't' must be texts, but value 2 is None"),
        ({"segments": {"t": "xy"}}, "segment 't' must be a list of texts"),
        ({"label_names": (0, 1)}, "label names must be texts, but value 1 is 0"),
        ({"segments": {"t": ["x", "\ud800"]}}, "segment 't': text 2 is not valid Unicode"),
    ],
)
def test_what_is_no_text_is_refused_with_its_position(refused, part, said):
    with refused(said, error=DataError):
        Items(**{"ids": ["a", "b"], **part})


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ({"segments": {"t": ["x"]}}, "segment 't'"),
        ({"columns": {"s": ["x"]}}, "column 's'"),
        ({"labels": np.array([0]), "label_names": ("no",)}, "labels"),
        ({"clusters": ["x"]}, "clusters"),
    ],
)
def test_a_part_of_another_length_is_refused(refused, part, name):
    with refused("f.csv", f"{name} has 1 values for 2 items", error=DataError):
        Items(ids=["a", "b"], source="f.csv", **part)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.array([[0], [1]]), "labels have shape [2, 1] for 2 items; give one code per item: numpy.ravel(labels)"),
        ([[0], [1]], "labels have shape [2, 1] for 2 items"),
        (pd.DataFrame({"y": [0, 1]}), "labels have shape [2, 1] for 2 items"),
        (np.eye(2, dtype=int), "labels have shape [2, 2] for 2 items; give one code per item: numpy.argmax"),
        (np.array(1), "labels have shape [] for 2 items"),
        ([[0], [0, 1]], "labels are lists of unequal length; give one code per item"),
        ([0, 1, 1], "labels has 3 values for 2 items"),
    ],
)
def test_labels_that_are_not_one_code_an_item_are_refused(refused, labels, said):
    with refused("f.csv", said, error=DataError):
        Items(ids=["a", "b"], labels=labels, label_names=("no", "yes"), source="f.csv")


def test_a_segment_of_one_value_is_refused(refused):
    with refused("segment 'x' is a single value, '7'; give one per item", error=DataError):
        Items(ids=["a", "b"], segments={"x": np.array(7)})


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a", "a "), "labels 'a' and 'a ' differ only in spaces; write each label in one way"),
        (("not sure", "not  sure"), "labels 'not sure' and 'not  sure' differ only in spaces"),
        (("caf\u00e9", "cafe\u0301"), r"labels 'caf\xe9' and 'cafe\u0301' look the same; write"),
        (("a", "a\u200b"), r"labels 'a' and 'a\u200b' look the same"),
        (("a", "a"), "label 'a' appears twice"),
    ],
)
def test_labels_that_look_the_same_are_refused(refused, names, said):
    with refused("f.csv", said, error=LabelError):
        Items(ids=["x", "y"], labels=[0, 1], label_names=names, source="f.csv")


def test_labels_that_differ_in_case_are_two():
    assert Items(ids=["x", "y"], labels=[0, 1], label_names=("a", "A")).label_names == ("a", "A")


def test_a_thousand_labels_are_shown_in_a_short_line():
    names = tuple(f"class {k}" for k in range(1_000))
    items = Items(ids=["x"], labels=[0], label_names=names)
    assert repr(items).endswith(
        "labels class 0, class 1, class 2, class 3, class 4, class 5, class 6, class 7, class 8, class 9 and 990 more>"
    )


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_text_is_refused(refused, text):
    with refused("f.csv", "item 'b'", "segment 't' is empty", repr(text), error=DataError):
        Items(ids=["a", "b"], segments={"t": ["x", text]}, source="f.csv")


def test_take_picks_from_every_part_in_order(items):
    taken = items.take([2, 0])
    assert taken.ids == ["c", "a"]
    assert taken.segments["t"] == ["three", "one"]
    np.testing.assert_array_equal(taken.segments["x"], [[4, 5], [0, 1]])
    assert list(taken.labels) == [1, 1]
    assert taken.columns["s"] == ["r", "p"]
    assert taken.clusters == ["2", "1"]
    assert (taken.label_names, taken.source, taken.ignored) == (("no", "yes"), "f.csv", 4)


def test_texts_are_the_segments_in_order():
    items = Items(ids=["a"], segments={"hypothesis": ["h"], "premise": ["p"]})
    assert items.texts() == (["h"], ["p"])


def test_texts_of_an_array_are_refused(items, refused):
    with refused("f.csv", "segment 'x' is an array", error=DataError):
        items.texts()


def test_texts_without_a_segment_are_refused(refused):
    with refused("f.csv", "--text", error=DataError):
        Items(ids=["a"], source="f.csv").texts()


def test_gold_codes_follow_the_models_order_of_labels(items):
    assert list(items.gold(["maybe", "yes", "no"])) == [1, 2, 1]


def test_gold_without_labels_is_none():
    assert Items(ids=["a"]).gold(["no", "yes"]) is None


def test_a_gold_label_no_model_knows_is_refused(items, refused):
    with refused(
        "f.csv", "item 'a'", "'yes'", "{'no', 'maybe'}", "2 items in total", "--ignore-label", error=LabelError
    ):
        items.gold(["no", "maybe"])


def test_a_label_name_that_no_item_has_need_not_be_known():
    items = Items(ids=["a"], labels=np.array([0]), label_names=("no", "never"))
    assert list(items.gold(["no", "yes"])) == [0]


def test_content_is_the_same_whatever_file_it_came_from(items):
    assert items.content() == replace(items, source="other.parquet").content()


@pytest.mark.parametrize(
    "change",
    [
        {"ids": ["a", "b", "d"]},
        {"segments": {"t": ["one", "two", "four"], "x": np.arange(6).reshape(3, 2)}},
        {"segments": {"t": ["one", "two", "three"], "x": np.arange(1, 7).reshape(3, 2)}},
        {"segments": {"u": ["one", "two", "three"], "x": np.arange(6).reshape(3, 2)}},
        {"labels": np.array([1, 1, 1])},
        {"columns": {"s": ["p", "q", "s"]}},
        {"clusters": ["1", "2", "2"]},
    ],
)
def test_content_changes_with_every_part(items, change):
    assert items.content() != replace(items, **change).content()


def test_the_content_of_an_array_of_arrays_is_that_of_all_their_values():
    """Printed, large ones are abbreviated: another picture was taken for the same, and its answers taken up."""

    def content(*pictures):
        held = np.empty(2, dtype=object)
        held[:] = pictures
        return Items(["a", "b"], {"x": held}).content()

    one, other = np.zeros((100, 100)), np.zeros((100, 100))
    other[50, 50] = 1
    assert str(one) == str(other)
    assert content(one, one) == content(one.copy(), np.asfortranarray(one))
    assert len({content(one, one), content(one, other), content(other, one), content(one, one.ravel())}) == 4
    assert content(one, one) != content(one.astype(np.float32), one)
    assert content([one, "x"], one) != content([other, "x"], one)
    assert content({"pixels": one}, one) != content({"pixels": other}, one)


def test_the_content_of_an_array_of_objects_is_that_of_its_values():
    def content(texts):
        return Items(["a", "b"], {"x": np.array(texts, dtype=object)}).content()

    assert content(["one", "two"]) == content(["".join(["o", "ne"]), "two"])
    assert len({content(["one", "two"]), content(["two", "one"]), content(["on", "etwo"])}) == 3


def test_what_pandas_has_shuffled_is_read_in_its_order():
    """A Series is asked by its index, which a shuffle leaves with the rows: texts would go to other labels."""
    frame = pd.DataFrame(
        {"id": list("abcdef"), "text": list("uvwxyz"), "y": [0, 1, 0, 1, 0, 1]}, index=range(5, -1, -1)
    )
    frame = frame.sample(frac=1, random_state=0)
    said = {"labels": frame.y, "label_names": ("no", "yes")}
    items = Items(ids=frame.id, segments={"t": frame.text}, columns={"g": frame.id}, clusters=frame.text, **said)
    assert items.ids == frame.id.tolist()
    assert items.texts() == (frame.text.tolist(),)
    assert items.labels.tolist() == frame.y.tolist()
    taken = items.take([3, 0])
    assert taken.ids == [frame.id.iloc[3], frame.id.iloc[0]]
    assert taken.columns["g"] == taken.ids
    assert taken.clusters == taken.segments["t"] == [frame.text.iloc[3], frame.text.iloc[0]]


def test_a_generator_is_read_once():
    assert Items(ids=(x for x in "ab"), segments={"t": (x for x in "cd")}).segments == {"t": ["c", "d"]}
