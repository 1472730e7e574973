import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trusteq import DataError, Items, LabelError, ModelError, OptionError, read_items
from trusteq.data.prediction_file import label_columns, read_predictions

ITEMS = Items(ids=["a", "b", "c"], source="items.csv")
NUMBERED = Items(ids=["1", "2", "3"], source="items.csv")


@pytest.fixture
def file(tmp_path):
    def write(content, name="p.csv"):
        (tmp_path / name).write_text(content)
        return tmp_path / name

    return write


def read(path, items=ITEMS, **more):
    return read_predictions(path, items, name="small", **more)


def test_rows_are_matched_by_id_whatever_their_order(file):
    result = read(file("no,id,yes\n0.3,c,0.7\n0.1,a,0.9\n0.2,b,0.8\n"))
    assert result.labels == ("no", "yes")
    np.testing.assert_array_equal(result.probabilities, [[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".jsonl.gz", ".tsv"])
def test_every_format_gives_the_same_predictions(tmp_path, suffix):
    rows = [{"id": id_, "no": p, "yes": 1 - p} for id_, p in zip("cab", (0.25, 0.5, 0.75), strict=True)]
    path = tmp_path / f"p{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == ".tsv":
        path.write_text("id\tno\tyes\n" + "".join("\t".join(map(str, row.values())) + "\n" for row in rows))
    else:
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    np.testing.assert_array_equal(read(path).probabilities, [[0.5, 0.5], [0.75, 0.25], [0.25, 0.75]])


@pytest.mark.parametrize("ids", [[3, 1, 2], [3.0, 1.0, 2.0], ["3", "1", "2"]])
def test_ids_compare_as_text_whatever_their_type(tmp_path, ids):
    pq.write_table(pa.table({"id": ids, "no": [0.3, 0.1, 0.2], "yes": [0.7, 0.9, 0.8]}), tmp_path / "p.parquet")
    np.testing.assert_array_equal(read(tmp_path / "p.parquet", NUMBERED).probabilities[:, 0], [0.1, 0.2, 0.3])


def test_the_id_column_may_have_another_name(file):
    path = file("uid,no,yes\nc,0.3,0.7\na,0.1,0.9\nb,0.2,0.8\n")
    np.testing.assert_array_equal(read(path, id="uid").probabilities[:, 0], [0.1, 0.2, 0.3])


def test_rows_of_other_items_are_passed_over(file):
    path = file("id,no,yes\nz,0,1\nc,0.3,0.7\na,0.1,0.9\nb,0.2,0.8\n")
    np.testing.assert_array_equal(read(path).probabilities[:, 0], [0.1, 0.2, 0.3])


def test_an_item_without_a_row_is_refused_with_how_many_there_are(file, refused):
    path = file("id,no,yes\na,0.1,0.9\n")
    with refused(str(path), "id 'b'", "2 of 3 items", "items.csv", "['a']", error=DataError):
        read(path)


def test_an_id_that_appears_twice_is_refused_with_both_rows(file, refused):
    path = file("id,no,yes\na,0.1,0.9\nb,0.1,0.9\nz,0.1,0.9\nz,0.1,0.9\nc,0.1,0.9\n")
    with refused(str(path), "line 5", "'z'", "line 4", error=DataError):
        read(path)


def test_an_empty_id_is_refused(file, refused):
    path = file("id,no,yes\na,0.1,0.9\n,0.1,0.9\n")
    with refused(str(path), "line 3", "column 'id'", "''"):
        read(path)


def test_ids_that_count_from_0_do_not_shift_items_that_count_from_1(file, refused):
    path = file("id,no,yes\n0,0.1,0.9\n1,0.1,0.9\n2,0.1,0.9\n3,0.1,0.9\n")
    with refused(str(path), "line 2", "id '0'", "count from '1'", "--by-row"):
        read(path, NUMBERED)


def test_numbered_items_are_matched_by_row_number(file):
    path = file("no,yes\n0.1,0.9\n0.2,0.8\n0.3,0.7\n")
    np.testing.assert_array_equal(read(path, NUMBERED).probabilities[:, 0], [0.1, 0.2, 0.3])


def test_by_row_passes_over_the_id_column(file):
    path = file("id,no,yes\n7,0.1,0.9\n7,0.2,0.8\n5,0.3,0.7\n")
    result = read(path, by_row=True)
    assert result.labels == ("no", "yes")
    np.testing.assert_array_equal(result.probabilities[:, 0], [0.1, 0.2, 0.3])


@pytest.mark.parametrize("ids", [["a", "b", "c"], ["10", "20", "30"], ["3", "2", "1"], ["01", "02", "03"]])
def test_items_with_ids_need_an_id_column_or_by_row(file, refused, ids):
    path = file("no,yes\n0.1,0.9\n0.2,0.8\n0.3,0.7\n")
    with refused(str(path), "no column 'id'", repr(ids[0]), "--id", "--by-row", error=DataError):
        read(path, Items(ids=ids))


@pytest.mark.parametrize("name", ["ID", "uid", "Item-Id", "tweet_id", "index", ""])
def test_ids_under_another_name_are_matched_and_no_label(file, name):
    path = file(f"no,{name},yes\n0.3,3,0.7\n0.1,1,0.9\n0.2,2,0.8\n")
    for items in (NUMBERED, Items(ids=["2", "3", "1"])):
        result = read(path, items)
        assert result.labels == ("no", "yes")
        np.testing.assert_array_equal(result.probabilities[:, 0], [int(id_) / 10 for id_ in items.ids])


@pytest.mark.parametrize("name", ["ID", "uid", "example_id", "tweet_id", "Unnamed: 0"])
def test_ids_that_the_items_do_not_have_are_not_passed_over_for_row_numbers(file, refused, name):
    path = file(f"{name},no,yes\nq9,0.1,0.9\nq7,0.2,0.8\nq8,0.3,0.7\n")
    with refused(str(path), f"no row with {name} '1'", "3 of 3", "['q9', 'q7', 'q8']", "--id", "--by-row"):
        read(path, NUMBERED)
    np.testing.assert_array_equal(read(path, NUMBERED, by_row=True).probabilities[:, 0], [0.1, 0.2, 0.3])


def test_an_id_that_repeats_is_not_passed_over_for_row_numbers(file, refused):
    with refused("line 4", "id '1' in column 'uid' appears twice", "--by-row", error=DataError):
        read(file("uid,no,yes\n1,0.1,0.9\n2,0.2,0.8\n1,0.3,0.7\n"), NUMBERED)


@pytest.mark.parametrize("column", ["user_id,no,yes\n7,{}\n7,{}\n5,{}\n", "index,no,yes\n0,{}\n1,{}\n2,{}\n"])
def test_what_items_share_and_row_numbers_in_order_are_neither_ids_nor_labels(file, column):
    result = read(file(column.format("0.1,0.9", "0.2,0.8", "0.3,0.7")), NUMBERED)
    assert result.labels == ("no", "yes")
    np.testing.assert_array_equal(result.probabilities[:, 0], [0.1, 0.2, 0.3])


def test_the_column_that_the_items_have_their_ids_from_is_taken_before_another(file):
    items = read_items(file("tweet_id,y\n7,no\n8,yes\n", "items.csv"), label="y")
    path = file("id,Tweet_ID,no,yes\n1,8,0.2,0.8\n2,7,0.1,0.9\n")
    np.testing.assert_array_equal(read(path, items).probabilities[:, 0], [0.1, 0.2])


def test_items_with_ids_name_the_column_that_is_missing(file, refused):
    items = read_items(file("tweet_id,y\n7,no\n8,yes\n", "items.csv"), label="y")
    with refused("no column 'tweet_id'", "--by-row", error=DataError):
        read(file("no,yes\n0.1,0.9\n0.2,0.8\n"), items)


def test_a_label_may_be_called_id_where_labels_are_named(file):
    """As Indonesian is."""
    path = file("de,id\n0.1,0.9\n0.2,0.8\n0.3,0.7\n")
    result = read(path, NUMBERED, labels=["de", "id"])
    np.testing.assert_array_equal(result.probabilities[:, 1], [0.9, 0.8, 0.7])


def test_by_row_refuses_another_number_of_rows(file, refused):
    path = file("no,yes\n0.1,0.9\n0.2,0.8\n")
    with refused(str(path), "2 rows for 3 items of items.csv", error=DataError):
        read(path, by_row=True)


@pytest.mark.parametrize("kept_only", [False, True])
def test_by_row_follows_items_past_the_ignored_ones(file, kept_only):
    items = read_items(file("y\n-\nno\n-\nyes\n", "items.csv"), label="y", ignore_labels=["-"])
    path = file("no,yes\n0.2,0.8\n0.4,0.6\n" if kept_only else "no,yes\n0.1,0.9\n0.2,0.8\n0.3,0.7\n0.4,0.6\n")
    np.testing.assert_array_equal(read(path, items).probabilities[:, 0], [0.2, 0.4])


def test_ids_that_look_like_row_numbers_but_count_only_the_labelled_items_match_nothing(file, refused):
    items = read_items(file("id,y\nu1,-\nu2,-\n1,no\n2,yes\n", "items.csv"), id="id", label="y", ignore_labels=["-"])
    path = file("no,yes\n0.1,0.9\n0.2,0.8\n0.3,0.7\n0.4,0.6\n")
    with refused("no column 'id' to match the items of", "or match by row number with --by-row", error=DataError):
        read(path, items)


def test_a_part_of_numbered_items_is_matched_by_their_numbers(file):
    """Rising numbers were taken for row numbers, and the first rows' predictions for those of the part."""
    items = read_items(file("idx,y\n3,no\n4,yes\n", "items.csv"), label="y")
    assert (items.ids, items.id_column) == (["3", "4"], "idx")
    for rows in ("4,0.1,0.9\n2,0.5,0.5\n1,0.5,0.5\n3,0.9,0.1", "1,0.5,0.5\n2,0.5,0.5\n3,0.9,0.1\n4,0.1,0.9"):
        found = read(file(f"idx,no,yes\n{rows}\n"), items)
        assert found.probabilities.tolist() == [[0.9, 0.1], [0.1, 0.9]]


def test_items_with_ids_are_never_matched_by_row_number_unasked(file, refused):
    items = read_items(file("id,y\n1,no\n2,yes\n", "items.csv"), label="y")
    path = file("no,yes\n0.9,0.1\n0.1,0.9\n")
    with refused("no column 'id' to match the items of", error=DataError):
        read(path, items)
    assert read(path, items, by_row=True).probabilities.tolist() == [[0.9, 0.1], [0.1, 0.9]]


def test_by_row_says_that_items_were_ignored_when_the_rows_do_not_fit(file, refused):
    items = read_items(file("y\n-\nno\n-\nyes\n", "items.csv"), label="y", ignore_labels=["-"])
    with refused("3 rows for 2 items", "2 ignored"):
        read(file("no,yes\n0.1,0.9\n0.2,0.8\n0.3,0.7\n"), items)


# Which columns are labels.


def test_numeric_columns_are_labels_in_the_order_of_the_file(file):
    path = file("comment,yes,id,fold,no\nfine,0.9,1,3,0.1\n")
    assert label_columns(path, not_labels=["fold"]) == ["yes", "no"]


def test_parquet_texts_and_bools_are_no_labels(tmp_path):
    pq.write_table(pa.table({"t": ["x"], "right": [True], "no": [0.1], "yes": [0.9]}), tmp_path / "p.parquet")
    assert label_columns(tmp_path / "p.parquet") == ["no", "yes"]


@pytest.mark.parametrize("index", ["", "Unnamed: 0", "__index_level_0__"])
def test_the_row_numbers_of_pandas_are_no_label(file, index):
    assert label_columns(file(f"{index},no,yes\n0,0.1,0.9\n")) == ["no", "yes"]


def test_a_column_that_starts_with_a_gap_is_reported_and_not_dropped(file, refused):
    path = file("no,maybe,yes\n0.1,,0.9\n0.1,0.1,0.8\n0,0,1\n")
    assert label_columns(path) == ["no", "maybe", "yes"]
    with refused(str(path), "line 2", "column 'maybe'", "''"):
        read(path, by_row=True)


def test_the_named_label_columns_are_used_in_their_order(file):
    path = file("id,loss,no,yes\na,7,0.1,0.9\nb,7,0.2,0.8\nc,7,0.3,0.7\n")
    result = read(path, labels=["yes", "no"])
    assert result.labels == ("yes", "no")
    np.testing.assert_array_equal(result.probabilities[:, 1], [0.1, 0.2, 0.3])
    assert label_columns(path, labels=["yes", "no"]) == ["yes", "no"]


def test_a_named_label_column_that_is_not_there_is_refused(file, refused):
    path = file("id,no,yes\na,0.1,0.9\n")
    with refused(str(path), "no column 'yess'", "'id', 'no', 'yes'", "did you mean 'yes'?", error=DataError):
        label_columns(path, labels=["no", "yess"])


def test_a_label_named_twice_is_refused(file, refused):
    path = file("id,no,yes\na,0.1,0.9\nb,0.1,0.9\nc,0.1,0.9\n")
    with refused("'no' appears twice", error=LabelError):
        read(path, labels=["no", "no"])


def test_a_file_without_label_columns_is_refused(file, refused):
    path = file("id,no,yes\na,low,high\n")
    with refused(str(path), "no label columns", "['no', 'yes']", "line 2", error=DataError):
        label_columns(path)


# Values.


@pytest.mark.parametrize(("cell", "shown"), [("", "''"), ("n/a", "'n/a'"), ('"0,9"', "'0,9'")])
def test_a_cell_that_is_no_number_is_refused(file, refused, cell, shown):
    path = file(f"id,no,yes\na,0.1,0.9\nb,0.1,{cell}\nc,0.1,0.9\n")
    with refused(str(path), "line 3", "item 'b'", "column 'yes'", shown, "--labels", error=DataError):
        read(path)


@pytest.mark.parametrize("value", [None, True, "high", [0.9], 10**400], ids=["null", "bool", "text", "list", "huge"])
def test_a_json_value_that_is_no_number_is_refused(file, refused, value):
    rows = [{"id": "a", "no": 0.1, "yes": 0.9}, {"id": "b", "no": 0.1, "yes": value}]
    path = file("".join(json.dumps(row) + "\n" for row in rows), "p.jsonl")
    with refused(str(path), "line 2", "column 'yes'", repr(value)[:70]):
        read(path, Items(ids=["a", "b"]))


def test_a_gap_in_parquet_is_refused(tmp_path, refused):
    pq.write_table(pa.table({"no": [0.1, 0.1, 0.1], "yes": [0.9, None, 0.9]}), tmp_path / "p.parquet")
    with refused("p.parquet", "row 2", "column 'yes'", "None"):
        read(tmp_path / "p.parquet", NUMBERED)


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("scores", ["probabilities", "logits"])
def test_a_number_that_is_not_finite_is_refused(file, refused, cell, scores):
    path = file(f"id,no,yes\nc,0.1,0.9\nb,0.1,{cell}\na,0.1,0.9\n")
    with refused(f"{path}: line 3: item 'b', label 'yes'", cell, "finite", error=ModelError):
        read(path, scores=scores)


BAD_ROWS = {"sum": (0.1, 0.1), "range": (-0.5, 1.5), "nan": (0.1, float("nan"))}


@pytest.mark.parametrize("bad", BAD_ROWS)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_bad_row_is_named_by_its_place_in_the_file(tmp_path, refused, suffix, bad):
    rows = [("z", 0.5, 0.5), ("c", 0.1, 0.9), ("b", *BAD_ROWS[bad]), ("a", 0.1, 0.9)]
    path = tmp_path / f"p{suffix}"
    if suffix == ".parquet":
        pq.write_table(
            pa.table({"id": [r[0] for r in rows], "no": [r[1] for r in rows], "yes": [r[2] for r in rows]}), path
        )
        place = "row 3"
    elif suffix == ".jsonl":
        # A blank line moves the line, not the row.
        path.write_text(
            "\n".join(json.dumps(dict(zip(("id", "no", "yes"), row, strict=True))) for row in rows[:2]) + "\n\n"
        )
        with path.open("a") as file:
            file.writelines(json.dumps(dict(zip(("id", "no", "yes"), row, strict=True))) + "\n" for row in rows[2:])
        place = "line 4"
    else:
        path.write_text("id,no,yes\n" + "".join(f"{id_},{no},{yes}\n" for id_, no, yes in rows))
        place = "line 4"
    with refused(f"{path}: {place}: item 'b'", error=ModelError):
        read(path)


def test_probabilities_are_not_taken_for_logits(file, refused):
    path = file("id,no,yes\nc,0.1,0.9\nb,0.25,0.75\na,0.1,0.9\n")
    with refused(f"{path}: line 4: item 'a'", "[0.1, 0.9]", "remove --scores logits", error=ModelError):
        read(path, scores="logits")


def test_percentages_are_not_taken_for_logits(file, refused):
    """Softmax makes certainties of them: a candidate that hesitates would look as sure as the reference."""
    path = file("id,no,yes\nc,40,60\nb,55,45\na,30,70\n")
    parts = "line 4: item 'a'", "[30.0, 70.0]", "divide them by 100, and remove --scores logits"
    with refused(str(path), *parts, "write their softmax", error=ModelError):
        read(path, scores="logits")


def test_logits_that_look_like_probabilities_are_read_once_their_largest_value_is_subtracted(file):
    path = file("id,no,yes\na,-0.8,0\nb,-0.5,0\nc,0,-0.8\n")
    np.testing.assert_allclose(read(path, scores="logits").probabilities[0, 1], 1 / (1 + np.exp(-0.8)))


def test_percentages_are_told_to_be_divided(file, refused):
    path = file("id,no,yes\na,10,90\nb,20,80\nc,30,70\n")
    with refused(f"{path}: line 2: item 'a', label 'no': 10 is not", "percentages; divide them by 100"):
        read(path)


def test_an_id_column_and_row_numbers_exclude_each_other(file, refused):
    path = file("uid,no,yes\nc,0.1,0.9\n")
    with refused("--id uid", "--by-row", error=OptionError):
        read(path, id="uid", by_row=True)


def test_values_that_are_no_probabilities_are_refused(file, refused):
    path = file("id,no,yes\nc,0.1,0.9\nb,-2,3\na,0.1,0.9\n")
    with refused(str(path), "item 'b'", "label 'no'", "-2", "--scores logits", error=ModelError):
        read(path)


def test_one_label_column_is_refused(file, refused):
    path = file("id,yes\na,0.1\nb,0.2\nc,0.3\n")
    with refused(str(path), "only 1 label column", error=ModelError):
        read(path)


def test_logits_become_probabilities(file):
    result = read(file("id,no,yes\na,0,0\nb,-1000,1000\nc,0,1\n"), scores="logits")
    np.testing.assert_allclose(result.probabilities, [[0.5, 0.5], [0, 1], [1 / (1 + np.e), np.e / (1 + np.e)]])


def test_half_precision_logits_become_probabilities_in_float64(tmp_path):
    logits = {label: pa.array(np.array([value] * 3, np.float16)) for label, value in (("no", 0), ("yes", 17))}
    pq.write_table(pa.table(logits), tmp_path / "p.parquet")
    result = read(tmp_path / "p.parquet", NUMBERED, scores="logits")
    np.testing.assert_allclose(result.probabilities[:, 0], 1 / (1 + np.exp(17)), rtol=1e-12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(6)))
def test_the_order_of_rows_does_not_matter(tmp_path, order):
    ids = list("abcdef")
    rows = [f"{ids[n]},{n / 10},{1 - n / 10}\n" for n in order]
    (tmp_path / "p.csv").write_text("id,no,yes\n" + "".join(rows))
    result = read(tmp_path / "p.csv", Items(ids=ids))
    np.testing.assert_allclose(result.probabilities[:, 0], np.arange(6) / 10)


def test_a_column_of_text_may_begin_with_gaps(file):
    path = file("id,no,yes,region,note\na,0.1,0.9,,\nb,0.2,0.8,north,\nc,0.3,0.7,,\n")
    assert label_columns(path) == ["no", "yes"]


def test_a_column_of_numbers_that_begins_with_a_gap_is_heard_of(file, refused):
    path = file("id,no,yes\na,,0.9\nb,0.2,0.8\nc,0.3,0.7\n")
    assert label_columns(path) == ["no", "yes"]
    with refused("line 2", "item 'a'", "column 'no': '' is not a number", error=DataError):
        read(path)
