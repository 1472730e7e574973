from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trusteq import DataError
from trusteq.data.id_columns import names_rows, read_with_ids
from trusteq.data.readers import column_names, read_table


def ids_of(tmp_path, content, wanted=(), optional=()):
    """Which column of a CSV holds the ids, and which columns were read."""
    (tmp_path / "t.csv").write_text(content)
    read = partial(read_table, tmp_path / "t.csv")
    table, found = read_with_ids(read, list(wanted), column_names(tmp_path / "t.csv"), list(optional))
    return found, sorted(table.columns)


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "ID",
        "Id",
        " id ",
        "uid",
        "UUID",
        "guid",
        "item_id",
        "Example-ID",
        "sampleId",
        "row id",
        "instanceid",
        "_id",
    ],
)
def test_an_items_own_id_is_known_whatever_its_case(tmp_path, name):
    assert names_rows(name)
    assert ids_of(tmp_path, f"t,{name}\na,x\nb,x\n")[0] == name  # that it repeats is for the reader to refuse


@pytest.mark.parametrize("name", ["tweet_id", "promptID", "pair.id", "review-uid", "docGUID"])
def test_the_id_of_anything_is_the_items_where_it_tells_rows_apart(tmp_path, name):
    assert names_rows(name)
    assert ids_of(tmp_path, f"t,{name}\na,x\nb,y\n")[0] == name
    assert ids_of(tmp_path, f"t,{name}\na,x\nb,x\n")[0] is None
    assert ids_of(tmp_path, f"t,{name}\na,x\nb,\n")[0] is None


@pytest.mark.parametrize("name", ["", "index", "Index", "idx", "example_idx", "Unnamed: 0", "__index_level_0__"])
@pytest.mark.parametrize(
    ("values", "ids"),
    [
        *[("012", False), ("123", False), ("013", True), ("234", True), ("302", True), ("cba", True)],
        *[("112", False), ("aab", False)],
    ],
)
def test_row_numbers_are_ids_where_they_do_not_just_count_the_rows(tmp_path, name, values, ids):
    assert names_rows(name)
    found, _ = ids_of(tmp_path, f"t,{name}\n" + "".join(f"x,{value}\n" for value in values))
    assert found == (name if ids else None)


@pytest.mark.parametrize("name", ["covid", "valid", "Android", "PYRAMID", "no", "yes", "token_type_ids", "idea", "row"])
def test_other_names_are_no_ids(tmp_path, name):
    assert not names_rows(name)
    assert ids_of(tmp_path, f"t,{name}\na,x\nb,y\n")[0] is None


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("uid,id", "id"),
        ("ID,id", "id"),
        ("uid,Id", "Id"),
        ("tweet_id,uid", "uid"),
        ("user_id,tweet_id", "user_id"),
        ("index,tweet_id", "tweet_id"),
    ],
)
def test_the_surest_of_several_is_taken(tmp_path, header, chosen):
    assert ids_of(tmp_path, f"{header}\n2,x\n1,y\n")[0] == chosen


def test_a_column_that_nobody_named_and_cannot_be_read_is_left_out(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"t": "a", "tweet_id": 1, "gold": 1}\n{"t": "b", "tweet_id": 2}\n')
    read = partial(read_table, tmp_path / "t.jsonl")
    table, found = read_with_ids(read, ["t"], ["t", "tweet_id"], ["gold"])
    assert (found, sorted(table.columns)) == ("tweet_id", ["t", "tweet_id"])
    with pytest.raises(DataError, match="no key 'gold'"):
        read_with_ids(read, ["gold"], ["t", "tweet_id"])


def test_lists_are_no_ids(tmp_path):
    pq.write_table(pa.table({"t": ["a", "b"], "input_id": [[1], [2]]}), tmp_path / "t.parquet")
    assert read_with_ids(partial(read_table, tmp_path / "t.parquet"), ["t"], ["input_id"])[1] is None
