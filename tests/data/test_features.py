"""Features: only if somebody says so, checked, stored to the bit, with what stands for those left out."""

import numpy as np
import pyarrow as pa
import pytest

import trusteq
from trusteq.data.features import Features
from trusteq.data.segment import segment_of, stored_segment
from trusteq.data.sounds import Sounds
from trusteq.errors import DataError

VALUES = np.random.default_rng(0).normal(size=(6, 5, 3)).astype(np.float32)


def test_arrays_are_features_only_if_somebody_says_so():
    assert segment_of(VALUES, "x").kind == "array"
    assert segment_of(Features(VALUES), "x").kind == "features"


def test_a_typical_frame_is_that_of_all_items_whichever_are_taken():
    features = Features(VALUES)
    np.testing.assert_allclose(features.absent, VALUES.mean(axis=(0, 1)), rtol=1e-6)
    np.testing.assert_array_equal(features.take(np.array([2])).absent, features.absent)
    np.testing.assert_array_equal(Features.joined([features, features]).absent, features.absent)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", ">f4", "float16"])
def test_what_is_stored_is_read_back_to_the_bit(dtype):
    features = Features((10 * VALUES).astype(dtype))
    back = stored_segment(pa.chunked_array([features.column()]), features.about())
    assert isinstance(back, Features)
    assert back.values.dtype == features.values.dtype
    np.testing.assert_array_equal(back.values, features.values)
    np.testing.assert_array_equal(back.absent, features.absent)
    contents = [trusteq.Items(list("abcdef"), {"x": one}).content() for one in (back, features)]
    assert contents[0] == contents[1]


def test_what_stands_for_those_left_out_is_a_part_of_the_data():
    contents = {
        trusteq.Items(list("abcdef"), {"x": one}).content()
        for one in (Features(VALUES), Features(VALUES, np.zeros(3)), VALUES)
    }
    assert len(contents) == 3


@pytest.mark.parametrize(
    ("values", "absent", "said"),
    [
        (VALUES[0], None, r"are features of shape \[5, 3\]"),
        (VALUES.astype(str), None, "of shape .* type <U"),
        (
            np.where(np.isin(VALUES, VALUES[1, 0]), np.nan, VALUES),
            np.zeros(3),
            "item 2 has features that are not finite",
        ),
        (VALUES, np.zeros(2), r"has shape \[2\]; give one finite number for each of the 3 coefficients"),
    ],
)
def test_features_are_checked(values, absent, said):
    with pytest.raises(DataError, match=f"'x'.*{said}"):
        trusteq.Items([str(i) for i in range(len(values))], {"x": Features(values, absent)})


@pytest.mark.parametrize("absent", [None, [1.0], ["a", "b", "c"], "abc"])
def test_a_wrong_description_is_no_segment(absent):
    features = Features(VALUES)
    with pytest.raises(ValueError, match="not a description of features"):
        stored_segment(pa.chunked_array([features.column()]), {**features.about(), "absent": absent})


def test_functions_of_several_segments_get_arrays_and_samples():
    given = []

    def remember(inputs):
        given.extend(inputs)
        return np.full((len(inputs), 2), 0.5)

    sounds = Sounds.of_arrays(0.1 * VALUES[:, :, 0], rate=8000)
    items = trusteq.Items(list("abcdef"), {"x": Features(VALUES), "clip": sounds, "said": list("uvwxyz")})
    trusteq.from_callable(remember, labels=["a", "b"], name="f").predict(items)
    features, samples, text = given[1]
    np.testing.assert_array_equal(features, VALUES[1])
    np.testing.assert_array_equal(samples, sounds[1].samples())
    assert (type(features), samples.dtype, text) == (np.ndarray, np.float32, "v")
