"""Folders of pictures, and columns of pictures in files of every kind."""

import csv
import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.picture_files import file_of, noise

from trusteq import DataError, read_items
from trusteq.data.media_folder import medium_of


def write(folder, name, seed=0, *, damaged=False):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    encoded = file_of(noise(seed=seed))
    (folder / name).write_bytes(encoded[:-40] if damaged else encoded)


@pytest.fixture
def photos(tmp_path):
    """A folder with a subfolder for each label, and what people leave in such folders."""
    folder = tmp_path / "photos"
    for seed, name in enumerate(("dog/b.png", "cat/a.PNG", "cat/10.png", "cat/9.png")):
        write(folder, name, seed)
    (folder / "README.md").write_text("Photos.")
    (folder / "cat" / ".DS_Store").write_bytes(b"\x00")
    (folder / "cat" / "._a.png").write_bytes(b"\x00")
    return folder


# Folders -------------------------------------------------------------------------------------------------------------


def test_a_folder_with_a_subfolder_per_label_needs_no_option(photos):
    items = read_items(photos)
    assert items.ids == ["cat/10.png", "cat/9.png", "cat/a.PNG", "dog/b.png"]
    assert items.label_names == ("cat", "dog")
    assert items.labels.tolist() == [0, 0, 0, 1]
    assert list(items.segments) == ["picture"]
    np.testing.assert_array_equal(items.segments["picture"].inputs()[3], noise(seed=0))
    assert (items.id_column, items.label_column) == ("file_name", "label")
    assert read_items(str(photos), by_row=True).ids == ["1", "2", "3", "4"]
    assert read_items(photos, ignore_labels="dog").ignored == 1


def test_a_folder_without_subfolders_has_no_labels(tmp_path):
    for seed in range(2):
        write(tmp_path, f"{seed}.png", seed)
    items = read_items(tmp_path)
    assert (items.ids, items.labels) == (["0.png", "1.png"], None)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_metadata_file_says_more(photos, form):
    rows = [("dog/b.png", "big", "x"), ("cat/9.png", "small", "y")]
    if form == "csv":
        text = "file_name,label,place\n" + "".join(f"{','.join(row)}\n" for row in rows)
    else:
        text = "".join(json.dumps(dict(zip(("file_name", "label", "place"), row, strict=True))) + "\n" for row in rows)
    (photos / f"metadata.{form}").write_text(text)
    items = read_items(photos, slices="place")
    assert items.ids == ["dog/b.png", "cat/9.png"]
    assert [items.label_names[code] for code in items.labels] == ["big", "small"]
    assert items.columns == {"place": ["x", "y"]}
    np.testing.assert_array_equal(items.segments["picture"].inputs()[1], noise(seed=3))
    assert read_items(photos, label="place").label_names == ("x", "y")


def test_splits_are_folders_of_such_folders(photos, tmp_path):
    (tmp_path / "whole").mkdir()
    photos.rename(tmp_path / "whole" / "test")
    write(tmp_path, "whole/train/cat/1.png")
    whole = tmp_path / "whole"
    with pytest.raises(DataError, match="whole: has the splits test, train; choose one with --split"):
        read_items(whole)
    assert read_items(whole, split="test").label_names == ("cat", "dog")
    with pytest.raises(DataError, match="no split 'dev'; choose from test, train"):
        read_items(whole, split="dev")
    with pytest.raises(DataError, match="no split 'dev'; it has none"):
        read_items(whole / "test", split="dev")
    (whole / "test" / "metadata.csv").write_text("file_name\ndog/b.png\n")
    assert read_items(whole, split="test").ids == ["dog/b.png"]


def test_what_a_folder_lacks_is_one_line(photos):
    (photos / "metadata.csv").write_text("name,label\ndog/b.png,x\n")
    with pytest.raises(DataError, match=r"metadata.csv: no column 'file_name'; name each row's file there"):
        read_items(photos)
    (photos / "metadata.csv").write_text("file_name,picture\ndog/b.png,x\n")
    with pytest.raises(DataError, match="column 'picture' has the name that the files themselves get; rename it"):
        read_items(photos)
    (photos / "metadata.csv").write_text("file_name\ndog/b.png\ndog/none.png\n")
    with pytest.raises(
        DataError, match=r"photos: segment 'picture': line 3: dog/none.png: no such file; .* \(item 2\)"
    ):
        read_items(photos)
    (photos / "metadata.jsonl").write_text('{"file_name": "dog/b.png"}\n')
    with pytest.raises(DataError, match=r"photos: has metadata.csv and metadata.jsonl; keep the one"):
        read_items(photos)


def test_files_beside_the_subfolders_are_named(photos):
    write(photos, "odd.png")
    with pytest.raises(DataError, match=r"photos: odd\.png: not in a subfolder named after its label, as others are"):
        read_items(photos)
    (photos / "odd.png").rename(photos / "dog" / "odd.wav")
    with pytest.raises(DataError, match="photos: holds pictures and sounds; put them into a folder each"):
        read_items(photos)


@pytest.mark.parametrize("name", ["dataset_dict.json", "state.json", "test.csv", "part.parquet"])
def test_other_datasets_are_no_folders_of_pictures(photos, name):
    assert medium_of(photos) == "picture"
    (photos / name).write_text("{}")
    assert medium_of(photos) is None
    assert medium_of(photos / "README.md") is None
    assert medium_of(photos / "none") is None


# Columns -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["../photos/dog/b.png", "/etc/passwd", "cat/../../x.png", "..\\x.png", "C:\\x.png", "a\x00"]
)
@pytest.mark.parametrize("form", ["metadata.csv", "list.csv", "list.jsonl"])
def test_paths_that_lead_elsewhere_are_refused(photos, path, form):
    if form.endswith("csv"):
        stream = io.StringIO()
        csv.writer(stream).writerows([["file_name"], ["dog/b.png"], [path.replace("\x00", "/../..")]])
        (photos / form).write_text(stream.getvalue())
    else:
        (photos / form).write_text("".join(json.dumps({"file_name": p}) + "\n" for p in ("dog/b.png", path)))
    source, column = (photos, "picture") if form == "metadata.csv" else (photos / form, "file_name")
    with pytest.raises(DataError, match=r"line [23]: column '(picture|file_name)' leads out of the folder .*photos: '"):
        read_items(source, picture=column)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_column_of_paths_is_relative_to_its_file(photos, form):
    frame = pd.DataFrame({"path": ["dog/b.png", "cat/9.png"], "label": ["x", "y"]})
    file = photos / f"list.{form}"
    file.write_text(frame.to_csv(index=False) if form == "csv" else frame.to_json(orient="records", lines=True))
    items = read_items(file, picture="path", label="label")
    np.testing.assert_array_equal(items.segments["path"].inputs()[0], noise(seed=0))


def test_hugging_faces_parquet_is_read_without_its_library(photos):
    encoded = [file_of(noise(seed=seed)) for seed in range(2)]
    features = {
        "image": {"_type": "Image"},
        "label": {"_type": "ClassLabel", "names": ["cat", "dog"]},
    }
    table = pa.table(
        {
            "image": pa.array(
                [
                    {"bytes": encoded[0], "path": "0.png"},
                    {"bytes": encoded[1], "path": None},
                    {"bytes": None, "path": "dog/b.png"},
                ],
                pa.struct({"bytes": pa.binary(), "path": pa.string()}),
            ),
            "label": [1, 0, 1],
        }
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, photos / "data.parquet")
    items = read_items(photos / "data.parquet", picture=["image"], label="label")
    assert items.label_names == ("cat", "dog")
    assert items.labels.tolist() == [1, 0, 1]
    assert [picture.encoded for picture in items.segments["image"]] == [*encoded, encoded[0]]


def test_a_data_frame_has_bytes_pixels_and_paths(photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    values = [file_of(noise()), noise(), "photos/dog/b.png", str(photos / "dog" / "b.png")]
    items = read_items(pd.DataFrame({"image": values}), picture="image")
    for pixels in items.segments["image"].inputs():
        np.testing.assert_array_equal(pixels, noise())


@pytest.mark.parametrize("value", [17, " ", None, {"bytes": None, "path": None}, {"bytes": b""}])
def test_what_is_no_picture_is_named_with_its_row(value):
    frame = pd.DataFrame({"image": [file_of(noise()), value]})
    with pytest.raises(DataError, match=r"data frame: row 2: column 'image' is not a picture: .*; give the bytes"):
        read_items(frame, picture="image")


# Files that cannot be read -------------------------------------------------------------------------------------------


def test_damaged_files_are_refused_or_left_out_by_choice(photos):
    write(photos, "cat/broken.png", damaged=True)
    with pytest.raises(DataError, match=r"picture': row 4: cat/broken.png: a damaged .* \(item 4\).*--skip-unreadable"):
        read_items(photos)
    items = read_items(photos, skip_unreadable=True)
    assert items.ids == ["cat/10.png", "cat/9.png", "cat/a.PNG", "dog/b.png"]
    assert (items.unreadable, items.ignored) == (1, 0)
    assert items.places.tolist() == [1, 2, 3, 5]
    assert items.labels.tolist() == [0, 0, 0, 1]
    left = read_items(photos, skip_unreadable=True, ignore_labels="dog")
    assert (len(left), left.unreadable, left.ignored) == (3, 1, 1)


def test_if_no_file_can_be_read_the_first_is_named(tmp_path):
    for name in "ab":
        write(tmp_path, f"{name}.png", damaged=True)
    with pytest.raises(DataError, match=r"row 1: a.png: a damaged .*, the first of 2 such among 2"):
        read_items(tmp_path, skip_unreadable=True)
