"""Segments: what is put into which kind, and what users may go on doing with it."""

import copy
import hashlib
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from trusteq import Items
from trusteq.data.arrays import Arrays
from trusteq.data.features import Features
from trusteq.data.pictures import Pictures
from trusteq.data.rows import Rows
from trusteq.data.segment import KINDS, about_column, metadata, segment_of, stored_segment
from trusteq.data.sounds import Sounds
from trusteq.data.texts import Texts

TEXTS = ["good film", " bad", "größer 世界\x00"]


@pytest.mark.parametrize(
    "values",
    [TEXTS, tuple(TEXTS), pd.Series(TEXTS, index=[7, 3, 5]), (text for text in TEXTS), Texts(TEXTS)],
    ids=["list", "tuple", "series", "generator", "itself"],
)
def test_texts_of_every_kind_are_a_list_of_texts(values):
    held = Items(["a", "b", "c"], {"text": values}).segments["text"]
    assert isinstance(held, Texts)
    assert held == TEXTS
    assert list(held) == held.texts() == held.inputs() == TEXTS
    assert (held[1], held[-1], len(held)) == (" bad", TEXTS[2], 3)
    assert type(held.inputs()) is list


def test_an_array_goes_on_being_one_to_numpy():
    values = np.arange(6.0).reshape(3, 2)
    held = Items(["a", "b", "c"], {"x": values}).segments["x"]
    assert isinstance(held, Arrays)
    assert held.inputs() is values
    assert np.asarray(held) is values
    np.testing.assert_array_equal(held @ [1, 1], [1, 5, 9])
    np.testing.assert_array_equal(2 * held - values, values)
    np.testing.assert_array_equal(held == values, np.ones((3, 2), bool))
    np.testing.assert_array_equal(np.concatenate([held, held])[3:], values)
    assert (held.shape, held.dtype, held.mean(), held.astype(int).sum()) == ((3, 2), np.float64, 2.5, 15)
    assert [row.tolist() for row in held] == values.tolist()
    for other in (copy.deepcopy(held), pickle.loads(pickle.dumps(held))):  # noqa: S301
        np.testing.assert_array_equal(other.values, values)


def test_the_content_of_items_is_what_it_always_was():
    """The hashes that shards and runs were written under before there were kinds."""
    items = Items(
        ["a", "b", "c"],
        {"text": TEXTS, "x": np.arange(6, dtype=np.float32).reshape(3, 2), "o": np.array([1, "x", None], dtype=object)},
        labels=[0, 1, 0],
        label_names=("no", "yes"),
        columns={"part": ["p", "q", "p"]},
        clusters=["1", "1", "2"],
    )
    assert items.content() == "d93ab3b0d5973bb53b8c0dd37c8fec767bdc9fb978ee5319a9b0f6ec9aaa8879"
    assert items.take([2, 0]).content() == "adbac9a2499c79fdf322b6c327ff20d57e2fdbbd46ae99eac0393bd2dcd8d471"


ARRAYS = {
    "floats": np.array([[0.1, np.nan], [-0.0, np.inf], [1e-310, 3]]),
    "nan with a payload": np.array([0x7FF8000000000123, 0, 1], dtype=np.uint64).view(np.float64),
    "float32": np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5),
    "half": np.linspace(0, 1, 6).astype(np.float16).reshape(3, 2),
    "other byte order": np.arange(6, dtype=">i4").reshape(3, 2),
    "one number": np.array([3, 1, 2], dtype=np.int8),
    "booleans": np.array([[True], [False], [True]]),
    "pixels": np.arange(3 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 2, 2, 3),
    "texts": np.array([["ä", "b\x00c"], ["", "d"], ["e", "f"]]),
    "times": np.array(["2026-01-01", "NaT", "2026-01-02"], dtype="datetime64[ns]"),
    "complex": np.array([1j, 2, np.nan]),
    "none in an item": np.zeros((3, 0, 2), dtype=np.int16),
    "columns first": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
}


@pytest.mark.parametrize("values", ARRAYS.values(), ids=ARRAYS)
def test_a_column_gives_the_array_back_to_the_bit(values):
    held = Arrays(values)
    back = stored_segment(pa.chunked_array([held.column()]), held.about())
    assert isinstance(back, Arrays)
    assert (back.values.dtype, back.values.shape) == (values.dtype, values.shape)
    assert back.values.tobytes() == values.tobytes()


def test_a_column_gives_texts_back():
    assert stored_segment(pa.chunked_array([Texts(TEXTS).column()]), {}) == TEXTS


def test_objects_and_records_cannot_be_stored():
    assert Arrays(np.ones(2)).storable
    assert not Arrays(np.ones(2, dtype=object)).storable
    assert not Arrays(np.ones(2, dtype="i4,f8")).storable


@pytest.mark.parametrize(
    ("column", "about", "said"),
    [
        ([1.0, None], {"kind": "array", "dtype": "<f8", "shape": []}, "gaps"),
        ([[1.0], [None]], {"kind": "array", "dtype": "<f8", "shape": [1]}, "gaps"),
        ([[1.0], [2.0, 3.0]], {"kind": "array", "dtype": "<f8", "shape": [1]}, "not 1"),
        ([[1.0, 2.0], [3.0]], {"kind": "array", "dtype": "<f8", "shape": [1]}, "not 1"),
        ([[1.0], [2.0]], {"kind": "array", "dtype": "<f8", "shape": [2]}, "lists of 1 numbers, not 2"),
        ([[1], [2]], {"kind": "array", "dtype": "<f8", "shape": [1]}, "int64, not float64"),
        ([1, 2], {"kind": "array", "dtype": "<f8", "shape": [1]}, "list"),
        ([b"123", b"1"], {"kind": "array", "dtype": "<f2", "shape": [1]}, "not the bytes of 1 float16 per item"),
        ([b"12", b"12"], {"kind": "array", "dtype": "|O", "shape": [1]}, "not the type and shape"),
        ([b"12", b"12"], {"kind": "array", "dtype": "O8,O8", "shape": [1]}, "not the type and shape"),
        (["12"], {"kind": "array", "dtype": "<f2", "shape": [3]}, "not the bytes"),
        ([[1]], {"kind": "array", "dtype": "<f2", "shape": [1]}, "cast"),
        ([1], {"kind": "array", "dtype": "nonsense", "shape": []}, "not the type and shape"),
        ([1], {"kind": "array", "dtype": "<f8"}, "not the type and shape"),
        ([1], {"kind": "array", "dtype": "i4,,", "shape": []}, "not the type and shape"),
        ([1], {"kind": "array", "dtype": "<V8", "shape": []}, "not the type and shape"),
        ([1], {"kind": "array", "dtype": ["<f8"], "shape": []}, "not the type and shape"),
        ([b""], {"kind": "array", "dtype": "<U0", "shape": [1]}, "not the type and shape"),
        ([1], {"kind": "array", "dtype": "<M8[xx]", "shape": []}, "not the type and shape"),
        ([1], {"kind": "array", "dtype": "<f3", "shape": []}, "not the type and shape"),
        ([1], {"kind": "array", "dtype": "<f8", "shape": ["x"]}, "not the type and shape"),
        ([[]], {"kind": "array", "dtype": "<f8", "shape": [0, 10**30]}, "not the type and shape"),
        ([[]], {"kind": "array", "dtype": "<f8", "shape": [0, float("inf")]}, "not the type and shape"),
        ([1], {"kind": "array", "dtype": "<f8", "shape": [-1]}, "not the type and shape"),
        (["x"], {"kind": "smell"}, "unknown kind of segment 'smell'; choose from text, array"),
        (["x"], {"kind": "text"}, "not a column of texts"),
        (["x", None], {}, "gaps"),
        ([["x"]], {}, "cast"),
    ],
)
def test_a_column_that_holds_something_else_is_a_value_error(column, about, said):
    with pytest.raises((ValueError, pa.ArrowException), match=said):
        stored_segment(pa.chunked_array([pa.array(column)]), about)


@pytest.mark.parametrize("told", [b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_metadata_that_say_nothing_are_a_value_error(told):
    with pytest.raises(ValueError, match="metadata"):
        about_column(pa.field("x", pa.int64(), metadata={b"trusteq": told}))


def test_metadata_say_what_was_said():
    about = Arrays(np.ones((2, 3))).about()
    assert about_column(pa.field("x", pa.int64(), metadata=metadata(about))) == about
    assert metadata(Texts(["x"]).about()) is None


def test_the_sizes_are_characters_and_numbers():
    assert Texts(["abc", "d e"]).sizes().tolist() == [3, 3]
    assert Texts(["abc", "d e"]).counts("text length").tolist() == [1, 2]
    assert Arrays(np.ones((2, 3, 4))).sizes().tolist() == [12, 12]


@pytest.mark.parametrize("kind", KINDS.values())
def test_a_hash_tells_every_order_and_value(kind):
    held = {
        Texts: Texts(["a", "b"]),
        Arrays: Arrays(np.array([[1.0], [2.0]])),
        Sounds: Sounds.of_arrays(np.array([[0.1], [0.2]]), rate=8000),
        Features: Features(np.array([[[1.0]], [[2.0]]])),
        Pictures: Pictures.of_arrays(np.arange(2, dtype=np.uint8)[:, None, None]),
        Rows: Rows.of_frame(pd.DataFrame({"x": [1.0, 2.0]})),
    }[kind]

    def content(segment):
        digest = hashlib.sha256()
        segment.add_to(digest)
        return digest.digest()

    assert content(held) == content(held.take(np.array([0, 1])))
    assert len({content(held), content(held.take(np.array([1, 0]))), content(held.take(np.array([0])))}) == 3


def test_values_are_put_into_the_kind_that_holds_them():
    assert [type(segment_of(v, "x")) for v in (["a"], np.ones(1), np.array(["a"]))] == [Texts, Arrays, Arrays]
