"""Pictures as a segment of items."""

import hashlib
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.picture_files import file_of, noise

import trusteq
from trusteq import DataError, Items
from trusteq.data.arrays import Arrays
from trusteq.data.picture import Picture
from trusteq.data.pictures import Pictures
from trusteq.data.repeats import contents, repeats
from trusteq.data.segment import about_column, metadata, stored_segment

IDS = ["a", "b", "c"]


def three():
    """A file, and pixels of other sizes."""
    return Pictures((Picture(file_of(noise(seed=1)), "one.png"), Picture.of(noise(5, 4, 2)), Picture.of(noise(seed=3))))


def test_lists_of_pixels_are_pictures_and_an_array_is_an_array():
    arrays = [noise(seed=1), noise(5, 4, 2), noise(seed=3)[:, :, 0]]
    held = Items(IDS, {"photo": arrays}).segments["photo"]
    assert isinstance(held, Pictures)
    assert [picture.size for picture in held] == [(12, 8), (4, 5), (12, 8)]
    np.testing.assert_array_equal(held.inputs()[1], arrays[1])
    whole = np.stack([noise(seed=seed) for seed in range(3)])
    assert isinstance(Items(IDS, {"photo": whole}).segments["photo"], Arrays)
    said = Items(IDS, {"photo": Pictures.of_arrays(whole)}).segments["photo"]
    np.testing.assert_array_equal(np.stack(said.inputs()), whole)
    with pytest.raises(DataError, match=r"^picture 2: uint8 of shape \[8, 12, 2\]"):
        Items(IDS, {"photo": [noise(), noise()[:, :, :2], noise()]})


def test_items_of_pictures():
    items = Items(IDS, {"photo": three()})
    assert items.take([2, 0]).segments["photo"] == Pictures((three()[2], three()[0]))
    assert Pictures.joined([three(), three()]) == Pictures(three().pictures * 2)
    assert three().sizes().tolist() == [96, 20, 96]
    assert items.content() == Items(IDS, {"photo": three()}).content()
    assert items.content() != items.take([1, 0, 2]).content()
    digest = hashlib.sha256()
    three().add_to(digest)
    assert digest.digest() == hashlib.sha256(b"pictures\x00" + b"".join(p.digest for p in three())).digest()
    assert repeats(items, contents(items)) == 0
    more = Items(["a", "b", "c", "d"], {"photo": Pictures((*three(), three()[1]))})
    assert repeats(more, contents(more)) == 1
    with pytest.raises(DataError, match="segment 'photo' is a picture; this model reads text"):
        items.texts()


def test_they_are_stored_and_read_back_to_the_bit(tmp_path):
    column, about = three().column(), three().about()
    field = pa.field("segment photo", column.type, metadata=metadata(about))
    pq.write_table(pa.table([column], pa.schema([field])), tmp_path / "items.parquet")
    table = pq.read_table(tmp_path / "items.parquet")
    back = stored_segment(table["segment photo"], about_column(table.schema.field(0)))
    assert back == three()
    assert [picture.encoded for picture in back] == [picture.encoded for picture in three()]
    for one, other in zip(back.inputs(), three().inputs(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("column", [pa.array(["a"]), pa.array([b"a", None], pa.large_binary())])
def test_another_column_is_refused(column):
    with pytest.raises(ValueError, match="not a column of files with measures"):
        stored_segment(pa.chunked_array([column]), {"kind": "picture"})


@pytest.fixture
def thousands(tmp_path):
    """Files of which some are damaged."""
    encoded = file_of(noise(), "JPEG")
    pictures = []
    for number in range(2000):
        file = tmp_path / f"{number}.jpg"
        file.write_bytes(encoded[:-20] if number in (700, 1500, 1501) else encoded)
        pictures.append(Picture(file, file.name))
    return Pictures(tuple(pictures))


def test_damaged_files_among_thousands_are_named_and_counted(thousands):
    with pytest.raises(
        DataError,
        match=r"segment 'photo': 700.jpg: a damaged picture \(.*\); copy or save it again, the first of 3 such among "
        r"2,000; to leave such items out, say so \(--skip-unreadable\)$",
    ):
        Items(list(map(str, range(2000))), {"photo": thousands})
    assert list(thousands.unreadable()) == [700, 1500, 1501]
    with pytest.raises(DataError, match=r"700.jpg: .* \(item 1\); to leave"):
        Items(["a"], {"photo": thousands.take(np.array([700]))})


def test_no_decoded_picture_is_kept(tmp_path):
    (tmp_path / "a.png").write_bytes(file_of(noise(200, 200)))
    paths = [Picture(tmp_path / "a.png", f"{number}") for number in range(300)]
    items = Items(list(map(str, range(300))), {"photo": Pictures(tuple(paths))})
    tracemalloc.start()
    for picture in items.segments["photo"]:
        picture.pixels()
    items.content()
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 200_000
    assert peak < 1_500_000  # a few pictures of 120,000 bytes


def test_a_function_is_given_their_pixels():
    seen = []

    def answers(inputs):
        seen.append([one.shape for one in inputs])
        return np.full((len(inputs), 2), 0.5)

    model = trusteq.from_callable(answers, labels=("a", "b"), name="m")
    model.predict(Items(IDS, {"photo": three()}))
    assert seen == [[(8, 12, 3), (5, 4, 3), (8, 12, 3)]]


def test_of_several_segments_a_function_is_given_pixels_too():
    seen = []
    model = trusteq.from_callable(lambda x: seen.extend(x) or [[0.5, 0.5]] * len(x), labels=("a", "b"), name="m")
    model.predict(Items(IDS, {"caption": ["x", "y", "z"], "photo": three()}))
    assert [caption for caption, _ in seen] == ["x", "y", "z"]
    np.testing.assert_array_equal(seen[1][1], noise(5, 4, 2))


def test_of_large_pictures_a_function_is_given_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr("trusteq.models.function.MOST_NUMBERS", 200)
    calls = []

    def answers(pictures):
        calls.append([len(one) for one in pictures])
        return np.stack([[one.mean() / 255, 1 - one.mean() / 255] for one in pictures])

    model = trusteq.from_callable(answers, labels=("a", "b"), name="m")
    pictures = Pictures((*three(), Picture.of(noise(30, 30)), *three()))
    together = model.predict(Items(list("abcdefg"), {"photo": pictures}))
    assert calls == [[8, 5], [8], [30], [8, 5], [8]]
    np.testing.assert_array_equal(together[:, 0], [one.mean() / 255 for one in pictures.inputs()])
    uneven = trusteq.from_callable(lambda x: np.ones((len(x), len(x))), labels=("a", "b"), name="m")
    with pytest.raises(
        trusteq.ModelError, match=r"model m: the function returned tables of shape \[2, 2\] and \[1, 1\]"
    ):
        uneven.predict(Items(list("abcdefg"), {"photo": pictures}))
