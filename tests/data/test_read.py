import csv
import datetime
import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trusteq import DataError, LabelError, OptionError, read_items


@pytest.fixture
def file(tmp_path):
    """A function that writes content (text, or columns for Parquet) and gives the path."""

    def write(content, name="items.csv"):
        path = tmp_path / name
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            pq.write_table(pa.table(content), tmp_path / (name := "items.parquet"))
        return tmp_path / name

    return write


# Ids.


def test_the_named_id_column_is_used(file):
    assert read_items(file("id,uid,t\n1,u1,a\n2,u2,b\n"), text=["t"], id="uid").ids == ["u1", "u2"]


def test_a_column_called_id_is_used_unasked(file):
    assert read_items(file("id,t\nx,a\ny,b\n"), text=["t"]).ids == ["x", "y"]


@pytest.mark.parametrize("name", ["ID", "Id", "uid", "item_id", "pairID"])
def test_a_column_called_like_an_id_is_used_unasked(file, name):
    items = read_items(file(f"{name},t\nx,a\ny,b\n"), text=["t"])
    assert (items.ids, items.id_column) == (["x", "y"], name)
    assert read_items(file(f"{name},t\nx,a\ny,b\n"), text=["t"], by_row=True).id_column is None


@pytest.mark.parametrize("role", ["label", "cluster", "slices"])
def test_a_column_that_was_named_for_something_else_is_no_id(file, role):
    assert read_items(file("item_id,t\nx,a\ny,b\n"), text=["t"], **{role: "item_id"}).ids == ["1", "2"]


def test_what_items_share_is_no_id(file):
    assert read_items(file("user_id,t\nx,a\nx,b\n"), text=["t"]).ids == ["1", "2"]


def test_row_numbers_that_were_shuffled_are_ids(file):
    assert read_items(file({"t": ["a", "b", "c"], "idx": [0, 1, 2]}), text=["t"]).ids == ["1", "2", "3"]
    assert read_items(file({"t": ["a", "b", "c"], "idx": [2, 0, 1]}), text=["t"]).ids == ["2", "0", "1"]


def test_by_row_takes_row_numbers_in_spite_of_an_id_column(file):
    assert read_items(file("id,t\nx,a\ny,b\n"), text=["t"], by_row=True).ids == ["1", "2"]


def test_without_an_id_column_ids_are_row_numbers(file):
    assert read_items(file("t\na\nb\n"), text=["t"]).ids == ["1", "2"]


def test_a_data_frame_is_read_as_its_file_would_be(file):
    rows = {"id": [7, 17, 9], "t": ["a", "b", "c"], "y": ["no", "yes", "no"], "g": [1.0, None, 2.0]}
    said = {"text": "t", "label": "y", "slices": ["g"]}
    frame = pd.DataFrame(rows, index=[5, 5, 1])
    items, same = read_items(frame, **said), read_items(file(rows), **said)
    assert items.ids == same.ids == ["7", "17", "9"]
    assert items.segments == same.segments
    assert items.columns == same.columns == {"g": ["1", "(missing)", "2"]}
    assert items.labels.tolist() == [0, 1, 0]
    assert items.source == "data frame"
    assert items.content() == same.content()


def test_what_is_wrong_in_a_data_frame_is_named(refused):
    frame = pd.DataFrame({"t": ["a", pd.NA], "id": ["x", "x"]})
    with refused("data frame", "row 2", "column 't'", "no value (None)", error=DataError):
        read_items(frame, text="t", by_row=True)
    with refused("data frame", "row 2", "'x'", "appears twice", error=DataError):
        read_items(frame, text="id")
    with refused("no column 'texts'; the columns are 't', 'id'", error=DataError):
        read_items(frame, text="texts")
    with refused("has columns but no rows", error=DataError):
        read_items(frame[:0], text="t")
    with refused("split 'test' is for Hugging Face datasets", error=DataError):
        read_items(frame, text="t", split="test")
    with refused("items of type list", "a data frame", error=DataError):
        read_items(["a text"], text="t")


@pytest.mark.parametrize("ids", [[7, 17], [7.0, 17.0], ["7", "17"]])
def test_ids_compare_as_text_whatever_their_type(file, ids):
    assert read_items(file({"id": ids, "t": ["a", "b"]}), text=["t"]).ids == ["7", "17"]


@pytest.mark.parametrize(("cell", "shown"), [("", "''"), ("  ", "'  '")])
def test_an_empty_id_is_refused(file, refused, cell, shown):
    path = file(f"id,t\nx,a\n{cell},b\n")
    with refused(str(path), "line 3", "column 'id'", f"no value ({shown})", error=DataError):
        read_items(path, text=["t"])


@pytest.mark.parametrize("ids", [["x", None], [1, None], [1.0, float("nan")]])
def test_a_null_id_is_refused(file, refused, ids):
    path = file({"id": ids, "t": ["a", "b"]})
    with refused(str(path), "row 2", "column 'id'", "no value"):
        read_items(path, text=["t"])


def test_an_id_that_appears_twice_is_refused_with_both_rows(file, refused):
    path = file("id,t\nx,a\ny,b\nx,c\n")
    with refused(str(path), "line 4", "'x'", "twice", "line 2", "--by-row"):
        read_items(path, text=["t"])


@pytest.mark.parametrize("id_", [["a"], {"a": 1}])
def test_an_id_that_is_no_scalar_is_refused(file, refused, id_):
    path = file(json.dumps({"id": id_, "t": "a"}), "items.jsonl")
    with refused(str(path), "line 1", "column 'id'", type(id_).__name__, repr(id_)):
        read_items(path, text=["t"])


# Texts and arrays.


def test_segments_come_in_the_order_asked_for(file):
    items = read_items(file("premise,hypothesis\na,b\n"), text=["hypothesis", "premise"])
    assert dict(items.segments) == {"hypothesis": ["b"], "premise": ["a"]}
    assert list(items.segments) == ["hypothesis", "premise"]


def test_a_null_text_is_refused(file, refused):
    path = file({"t": ["a", None]})
    with refused(str(path), "row 2", "column 't'", "no value (None)"):
        read_items(path, text=["t"])


@pytest.mark.parametrize(("values", "kind"), [([1, 2], "int"), ([0.5, 1.5], "float"), ([True, False], "bool")])
def test_a_text_that_is_no_text_is_refused(file, refused, values, kind):
    path = file({"t": values})
    with refused(str(path), "row 1", "column 't'", repr(values[0]), kind):
        read_items(path, text=["t"])


def test_an_empty_text_is_refused(file, refused):
    path = file("id,t\nx,a\ny,\n")
    with refused(str(path), "item 'y'", "segment 't' is empty ('')"):
        read_items(path, text=["t"])


def test_a_number_among_texts_is_refused_with_its_line(file, refused):
    path = file('{"t": "a"}\n{"t": 7}\n', "items.jsonl")
    with refused(str(path), "line 2", "column 't'", "7", "int"):
        read_items(path, text=["t"])


def test_equally_long_lists_of_numbers_become_an_array(file):
    items = read_items(
        file({"x": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "y": ["0", "-", "1"]}),
        text=["x"],
        label="y",
        ignore_labels=["-"],
    )
    np.testing.assert_array_equal(items.segments["x"], [[1, 2], [5, 6]])


def test_a_missing_text_column_is_refused(file, refused):
    path = file("id,sentence\nx,a\n")
    with refused(str(path), "no column 'sentense'", "'sentence'"):
        read_items(path, text=["sentense"])


def test_source_is_the_path_as_given(file):
    path = file("t\na\n")
    assert read_items(str(path), text=["t"]).source == str(path)


# Labels.


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["no", "yes", "no"], ("no", "yes")),
        ([2, 10, 2], ("10", "2")),
        ([True, False, True], ("False", "True")),
        ([1.0, 0.0, 1.0], ("0", "1")),
    ],
)
def test_labels_by_name_are_codes_into_the_sorted_names(file, values, names):
    items = read_items(file({"y": values}), label="y")
    assert items.label_names == names
    whole = [str(int(value)) if isinstance(value, float) else str(value) for value in values]
    assert [items.label_names[code] for code in items.labels] == whole


@pytest.mark.parametrize("content", ["y\n1\n0\n", {"y": [1, 0]}, {"y": ["1", "0"]}, {"y": [1.0, 0.0]}])
def test_codes_are_given_their_names_in_the_stated_order(file, content):
    items = read_items(file(content), label="y", label_names=["yes", "no"])
    assert (list(items.labels), items.label_names) == ([1, 0], ("yes", "no"))


@pytest.mark.parametrize("value", ["2", "-1", "no", "1.5", "01"])
def test_a_label_that_is_no_code_for_the_names_is_refused(file, refused, value):
    path = file(f"y\n1\n{value}\n")
    with refused(str(path), "line 3", "column 'y'", f"label '{value}'", "0 to 1", "{no, yes}", "--ignore-label"):
        read_items(path, label="y", label_names=["no", "yes"])


def test_a_null_label_is_refused(file, refused):
    path = file({"y": ["a", None]})
    with refused(str(path), "row 2", "column 'y'", "no value (None)"):
        read_items(path, label="y")


def test_an_empty_label_is_refused(file, refused):
    path = file("id,y\n1,a\n2,\n")
    with refused(str(path), "line 3", "column 'y'", "no value ('')"):
        read_items(path, label="y")


def test_a_fraction_is_no_label(file, refused):
    path = file({"y": [1.0, 0.5]})
    with refused(str(path), "row 2", "column 'y'", "0.5"):
        read_items(path, label="y")


def test_labels_that_differ_in_spaces_alone_are_refused(file, refused):
    with refused("items.csv: labels 'a' and 'a ' differ only in spaces", error=LabelError):
        read_items(file("y\na\na \nb\n"), label="y")


def test_a_list_of_one_is_no_label(file, refused):
    with refused("row 1: column 'y' holds a list ([1])", error=DataError):
        read_items(file({"y": [[1], [0]]}), label="y")


def test_a_thousand_names_are_not_all_listed(file, refused):
    with refused("label '1000', which is not a code from 0 to 999", "n9 and 990 more}", error=DataError):
        read_items(file("y\n1000\n"), label="y", label_names=[f"n{i}" for i in range(1_000)])


def test_a_label_name_given_twice_is_refused(file, refused):
    path = file("y\n0\n")
    with refused(str(path), "label name 'a' is given twice"):
        read_items(path, label="y", label_names=["a", "a"])


@pytest.mark.parametrize("settings_", [{"label_names": ["a"]}, {"ignore_labels": ["a"]}])
def test_label_settings_without_a_label_column_are_refused(file, refused, settings_):
    path = file("t\na\n")
    with refused(str(path), "--label"):
        read_items(path, text=["t"], **settings_)


def test_a_label_to_ignore_that_no_item_has_is_refused_with_those_there_are(file, refused):
    with refused("'nosuch'", "column 'y' has {'-', 'no'}", "--ignore-label", error=LabelError):
        read_items(file("y\n-\nno\n"), label="y", ignore_labels=["nosuch"])


def test_one_name_is_a_list_of_one(file):
    path = file("text,label,part\none,no,p\ntwo,un,p\nthree,yes,q\n")
    items = read_items(path, text="text", label="label", slices="part", ignore_labels="un")
    assert (items.segments["text"], items.ignored, items.columns["part"]) == (["one", "three"], 1, ["p", "q"])


def test_label_names_in_one_text_are_refused(file, refused):
    with refused("label_names must be a list", "'ab'", error=DataError):
        read_items(file("y\n0\n"), label="y", label_names="ab")


def test_an_id_column_and_row_numbers_exclude_each_other(file, refused):
    with refused("--id uid", "--by-row", error=OptionError):
        read_items(file("uid,t\na,x\n"), id="uid", by_row=True)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_item_is_found_again_in_its_file(file, refused, kind):
    rows = {"t": ["a", "b", "c"], "y": ["un", "no", "odd"]}
    path = file(rows) if kind == "parquet" else file("t,y\na,un\n\nb,no\nc,odd\n")
    items = read_items(path, text="t", label="y", ignore_labels="un")
    with refused(f"{path}: {'row 3' if kind == 'parquet' else 'line 5'}: item '3' has label 'odd'", error=LabelError):
        items.take([1]).gold(["no", "yes"])


def test_an_empty_text_is_refused_with_its_line(file, refused):
    path = file("id,t\nx,one\n\ny, \n")
    with refused(f"{path}: line 4: item 'y': segment 't' is empty", error=DataError):
        read_items(path, text="t")


def test_ignored_labels_leave_and_are_counted(file):
    items = read_items(file("id,t,y\nx,a,no\ny,b,-\nz,c,yes\n"), text=["t"], label="y", ignore_labels=["-"])
    assert items.ids == ["x", "z"]
    assert items.segments["t"] == ["a", "c"]
    assert items.label_names == ("no", "yes")
    assert list(items.labels) == [0, 1]
    assert items.ignored == 1


@pytest.mark.parametrize("ignored", [["-1", "1"], ["-1", "yes"]])
def test_labels_are_ignored_by_code_and_by_name(file, ignored):
    items = read_items(file({"y": [0, 1, -1]}), label="y", label_names=["no", "yes"], ignore_labels=ignored)
    assert (items.ids, items.ignored) == (["1"], 2)


def test_row_numbers_count_the_ignored_rows_too(file):
    assert read_items(file("y\n-\na\nb\n"), label="y", ignore_labels=["-"]).ids == ["2", "3"]


def test_nothing_left_is_refused(file, refused):
    path = file("y\na\n")
    with refused(str(path), "no items"):
        read_items(path, label="y", ignore_labels=["a"])


# Slices and clusters.


def test_slices_become_texts_and_a_gap_says_so(file):
    items = read_items(file({"t": list("abc"), "s": [1.0, None, 2.5]}), text=["t"], slices=["s"])
    assert dict(items.columns) == {"s": ["1", "(missing)", "2.5"]}


def test_an_empty_slice_cell_is_missing(file):
    assert read_items(file("t,s\na,\nb,x\n"), text=["t"], slices=["s"]).columns["s"] == ["(missing)", "x"]


def test_dates_may_be_slices(file):
    path = file({"t": ["a"], "s": [datetime.date(2024, 2, 29)]})
    assert read_items(path, text=["t"], slices=["s"]).columns["s"] == ["2024-02-29"]


def test_clusters_become_texts(file):
    assert read_items(file({"t": ["a", "b"], "c": [7, 7]}), text=["t"], cluster="c").clusters == ["7", "7"]


def test_a_null_cluster_is_refused(file, refused):
    path = file({"t": ["a", "b"], "c": [7, None]})
    with refused(str(path), "row 2", "column 'c'", "no value"):
        read_items(path, text=["t"], cluster="c")


def test_one_column_may_serve_twice(file):
    items = read_items(file("t,y\na,no\n"), text=["t"], label="y", slices=["y", "t"])
    assert dict(items.columns) == {"y": ["no"], "t": ["a"]}


# Formats.


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip),
            st.sampled_from(["yes", "no", "ü,\n"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_text_reads_the_same_from_every_format(tmp_path, rows):
    pq.write_table(pa.table({"t": [t for t, _ in rows], "y": [y for _, y in rows]}), tmp_path / "a.parquet")
    for ascii_ in (True, False):
        lines = [json.dumps({"t": t, "y": y}, ensure_ascii=ascii_) + "\n" for t, y in rows]
        (tmp_path / f"{ascii_}.jsonl").write_bytes("".join(lines).encode())
    for suffix, dialect in (("csv", "excel"), ("tsv", "excel-tab")):
        buffer = io.StringIO(newline="")
        csv.writer(buffer, dialect).writerows([("t", "y"), *rows])
        (tmp_path / f"a.{suffix}").write_bytes(buffer.getvalue().encode())
    for name in ("a.parquet", "True.jsonl", "False.jsonl", "a.csv", "a.tsv"):
        items = read_items(tmp_path / name, text=["t"], label="y")
        assert items.segments["t"] == [t for t, _ in rows]
        assert [items.label_names[code] for code in items.labels] == [y for _, y in rows]


@pytest.fixture
def dataset():
    datasets = pytest.importorskip("datasets", reason="needs trusteq[transformers]")
    datasets.disable_progress_bars()
    features = datasets.Features(
        {"t": datasets.Value("string"), "y": datasets.ClassLabel(names=["no", "yes"]), "n": datasets.Value("int64")}
    )
    return datasets.Dataset.from_dict({"t": ["a", "b", "c"], "y": [1, 0, -1], "n": [4, 5, 6]}, features=features)


def labelled(items):
    return list(zip(items.segments["t"], (items.label_names[code] for code in items.labels), strict=True))


def test_a_saved_dataset_brings_its_label_names(dataset, tmp_path):
    dataset.save_to_disk(tmp_path / "d")
    items = read_items(tmp_path / "d", text=["t"], label="y", ignore_labels=["-1"])
    assert labelled(items) == [("a", "yes"), ("b", "no")]
    assert (items.label_names, items.ignored) == (("no", "yes"), 1)


def test_a_parquet_file_written_by_datasets_brings_its_label_names(dataset, tmp_path):
    dataset.to_parquet(tmp_path / "d.parquet")
    items = read_items(tmp_path / "d.parquet", text=["t"], label="y", ignore_labels=["-1"])
    assert labelled(items) == [("a", "yes"), ("b", "no")]


@pytest.mark.slow
def test_a_folder_of_data_files_is_streamed(dataset, tmp_path):
    (tmp_path / "d").mkdir()
    dataset.to_parquet(tmp_path / "d" / "test.parquet")
    assert read_items(tmp_path / "d", text=["t"], id="n").ids == ["4", "5", "6"]


def test_names_given_by_hand_come_before_those_of_the_dataset(dataset, tmp_path):
    dataset.save_to_disk(tmp_path / "d")
    items = read_items(tmp_path / "d", text=["t"], label="y", label_names=["0", "1"], ignore_labels=["-1"])
    assert items.label_names == ("0", "1")


def test_an_unlabelled_item_of_a_dataset_is_refused(dataset, tmp_path, refused):
    dataset.save_to_disk(tmp_path / "d")
    with refused(str(tmp_path / "d"), "row 3", "column 'y'", "'-1'", "{no, yes}", "--ignore-label"):
        read_items(tmp_path / "d", text=["t"], label="y")


def test_a_dataset_of_several_splits_needs_one_named(dataset, tmp_path, refused):
    datasets = pytest.importorskip("datasets", reason="needs trusteq[transformers]")
    datasets.DatasetDict(train=dataset, test=dataset.select([1])).save_to_disk(tmp_path / "d")
    assert read_items(tmp_path / "d", text=["t"], split="test").segments["t"] == ["b"]
    with refused(str(tmp_path / "d"), "train, test", "--split"):
        read_items(tmp_path / "d", text=["t"])
    with refused(str(tmp_path / "d"), "no split 'val'", "train, test"):
        read_items(tmp_path / "d", text=["t"], split="val")


def test_a_split_of_an_unnamed_one_is_refused(dataset, tmp_path, refused):
    dataset.save_to_disk(tmp_path / "d")
    with refused(str(tmp_path / "d"), "no split 'val'", "(unnamed)"):
        read_items(tmp_path / "d", text=["t"], split="val")


def test_a_missing_column_of_a_dataset_is_refused(dataset, tmp_path, refused):
    dataset.save_to_disk(tmp_path / "d")
    with refused(str(tmp_path / "d"), "no column 'text'", "'t', 'y', 'n'"):
        read_items(tmp_path / "d", text=["text"])


def test_a_folder_that_is_no_dataset_is_refused(tmp_path, refused):
    pytest.importorskip("datasets", reason="needs trusteq[transformers]")
    (tmp_path / "notes.md").write_text("no data")
    with refused(str(tmp_path), "cannot be read as a Hugging Face dataset", "save_to_disk"):
        read_items(tmp_path, text=["t"])


def test_an_array_feature_of_a_dataset_keeps_its_shape(tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs trusteq[transformers]")
    images = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    features = datasets.Features({"x": datasets.Array2D((3, 2), "float32")})
    datasets.Dataset.from_dict({"x": list(images)}, features=features).save_to_disk(tmp_path / "d")
    np.testing.assert_array_equal(read_items(tmp_path / "d", text=["x"]).segments["x"], images)


def test_a_hub_dataset_that_cannot_be_reached_is_refused(refused):
    pytest.importorskip("datasets", reason="needs trusteq[transformers]")
    with refused("owner/name:plain", "cannot be read as a Hugging Face dataset", "owner/name:configuration"):
        read_items("owner/name:plain", text=["t"], download=True)
