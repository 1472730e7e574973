import csv
import gzip
import json
import os
import sys
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trusteq import DataError, MissingExtraError
from trusteq.data import delimited, readers
from trusteq.data.readers import READERS, column_names, read_table
from trusteq.data.table import Table

ROWS = [{"id": "a", "text": "one, two", "n": "1"}, {"id": "b", "text": 'say "three"\nfour', "n": "2"}]


def write(path, rows=ROWS):
    """The rows in the format that the path's ending names."""
    ending = path.name.split(".", 1)[1]
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    with (gzip.open if ending.endswith(".gz") else open)(path, "wt", encoding="utf-8", newline="") as file:
        if ending.startswith(("jsonl", "ndjson")):
            file.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if ending.startswith("tsv") else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize("suffix", READERS)
def test_every_format_gives_the_same_table(tmp_path, suffix):
    table = read_table(write(tmp_path / f"t{suffix}"), ["text", "id"])
    assert table.rows == 2
    assert dict(table.columns) == {"text": [row["text"] for row in ROWS], "id": ["a", "b"]}


@pytest.mark.parametrize("suffix", READERS)
def test_column_names_come_in_the_order_of_the_file(tmp_path, suffix):
    assert column_names(write(tmp_path / f"t{suffix}")) == ["id", "text", "n"]


@pytest.mark.parametrize("suffix", READERS)
def test_all_columns_are_read_when_none_is_named(tmp_path, suffix):
    assert list(read_table(write(tmp_path / f"t{suffix}")).columns) == ["id", "text", "n"]


@pytest.mark.parametrize("suffix", READERS)
def test_rows_are_counted_when_no_column_is_asked_for(tmp_path, suffix):
    assert read_table(write(tmp_path / f"t{suffix}"), []).rows == 2


@pytest.mark.parametrize("suffix", READERS)
def test_limit_stops_after_so_many_rows(tmp_path, suffix):
    table = read_table(write(tmp_path / f"t{suffix}"), ["id"], limit=1)
    assert (table.rows, table.values("id")) == (1, ["a"])


@pytest.mark.parametrize("suffix", READERS)
def test_a_missing_column_is_refused_with_those_there_are_and_the_nearest(tmp_path, refused, suffix):
    path = write(tmp_path / f"t{suffix}")
    with refused(str(path), "no column 'texts'", "'id', 'text', 'n'", "did you mean 'text'?", error=DataError):
        read_table(path, ["texts"])


def test_the_ending_may_be_in_capitals(tmp_path):
    (tmp_path / "T.CSV").write_text("a\n1\n")
    assert read_table(tmp_path / "T.CSV").rows == 1


def test_place_is_the_line_on_which_a_csv_row_starts(tmp_path):
    path = write(tmp_path / "t.csv", [ROWS[1], ROWS[0]])
    assert [read_table(path).place(row) for row in (0, 1)] == ["line 2", "line 4"]


def test_place_is_the_line_in_json_lines_whatever_lines_are_blank(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n')
    assert [read_table(tmp_path / "t.jsonl").place(row) for row in (0, 1)] == ["line 1", "line 3"]


def test_place_is_the_row_in_parquet(tmp_path):
    assert read_table(write(tmp_path / "t.parquet")).place(1) == "row 2"


def test_blank_lines_in_csv_are_no_rows(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n\n3,4\n\n")
    assert read_table(tmp_path / "t.csv").values("a") == ["1", "3"]


def test_windows_line_ends_leave_no_trace(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,b\r\n1,2\r\n")
    assert dict(read_table(tmp_path / "t.csv").columns) == {"a": ["1"], "b": ["2"]}


@pytest.mark.parametrize(("name", "text"), [("t.csv", "a\nö\n"), ("t.jsonl", '{"a": "ö"}\n')])
def test_a_utf8_byte_order_mark_is_no_part_of_the_first_name(tmp_path, name, text):
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert dict(read_table(tmp_path / name).columns) == {"a": ["ö"]}


def test_more_keys_than_the_first_line_has_are_passed_over(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n{"a": 2, "b": 3}\n')
    assert dict(read_table(tmp_path / "t.jsonl").columns) == {"a": [1, 2]}


def test_parquet_numbers_without_gaps_come_as_arrays(tmp_path):
    write(tmp_path / "t.parquet", [{"a": 1, "b": 0.5}, {"a": 2, "b": None}])
    table = read_table(tmp_path / "t.parquet")
    assert isinstance(table.columns["a"], np.ndarray)
    assert table.columns["b"] == [0.5, None]


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.int64()), pa.list_(pa.float32(), 2)])
def test_parquet_lists_of_numbers_come_as_one_array(tmp_path, kind):
    pq.write_table(pa.table({"x": pa.array([[1, 2], [3, 4], [5, 6]], kind)}), tmp_path / "t.parquet")
    column = read_table(tmp_path / "t.parquet").columns["x"]
    np.testing.assert_array_equal(column, [[1, 2], [3, 4], [5, 6]])
    assert column.dtype == kind.value_type.to_pandas_dtype()


def test_parquet_lists_of_lists_keep_their_shape(tmp_path):
    images = np.arange(12).reshape(2, 3, 2)
    pq.write_table(pa.table({"x": images.tolist()}), tmp_path / "t.parquet")
    np.testing.assert_array_equal(read_table(tmp_path / "t.parquet").columns["x"], images)


def test_parquet_is_the_same_however_it_is_cut_in_batches(tmp_path, monkeypatch):
    rows = [{"t": str(n), "x": [n, n + 1], "gap": None if n == 3 else n} for n in range(7)]
    path = write(tmp_path / "t.parquet", rows)
    whole = read_table(path)
    monkeypatch.setattr("trusteq.data.parquet.BATCH_ROWS", 2)
    shards = read_table(path)
    assert all(whole.values(name) == shards.values(name) for name in ("t", "x", "gap"))


@pytest.mark.parametrize("batch", [2, 100])
def test_lists_of_unequal_length_are_refused(tmp_path, refused, monkeypatch, batch):
    monkeypatch.setattr("trusteq.data.parquet.BATCH_ROWS", batch)
    path = write(tmp_path / "t.parquet", [{"x": [1, 2]}, {"x": [1, 2]}, {"x": [1, 2, 3]}])
    with refused(str(path), "row 3", "column 'x'", "3", "equally long"):
        read_table(path)


def test_inner_lists_of_unequal_length_name_their_row(tmp_path, refused):
    path = write(tmp_path / "t.parquet", [{"x": [[1], [2]]}, {"x": [[1], [2, 3]]}])
    with refused("row 2", "holds 2 numbers, row 1 holds 1"):
        read_table(path)


@pytest.mark.parametrize("value", [None, [1, None], [None, 1]])
def test_a_gap_in_lists_of_numbers_is_refused(tmp_path, refused, value):
    path = write(tmp_path / "t.parquet", [{"x": [1, 2]}, {"x": value}])
    with refused(str(path), "row 2", "column 'x'", "no value (None)"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    # Named by file alone: the bytes of a gzip hold the time at which it was made.
    [
        pytest.param("header.csv", b"id,text\n", ["no rows"], id="header.csv"),
        pytest.param("blank.csv", b"\n\n", ["empty"], id="blank.csv"),
        pytest.param("blank.jsonl", b"\n\n", ["empty"], id="blank.jsonl"),
        pytest.param("empty.csv", b"", ["empty, 0 bytes"], id="empty.csv"),
        pytest.param("empty.jsonl", b"", ["empty, 0 bytes"], id="empty.jsonl"),
        pytest.param("empty.parquet", b"", ["empty, 0 bytes"], id="empty.parquet"),
        pytest.param("empty.jsonl.gz", gzip.compress(b""), ["empty"], id="empty.jsonl.gz"),
        pytest.param(
            "latin.csv", b"id,text\n1,caf\xe9\n", ["line 2", "byte 0xe9 at byte 6", "save it as UTF-8"], id="latin.csv"
        ),
        pytest.param(
            "latin.jsonl", b'{"a": "x"}\n{"a": "\xe9"}\n', ["line 2", "byte 0xe9", "save it as UTF-8"], id="latin.jsonl"
        ),
        pytest.param(
            "utf16.csv",
            "id,text\n1,a\n".encode("utf-16"),
            ["line 1", "0xfffe", "UTF-16", "save it as UTF-8"],
            id="utf16.csv",
        ),
        pytest.param(
            "utf16.jsonl", '{"a": 1}\n'.encode("utf-16"), ["line 1", "UTF-16", "save it as UTF-8"], id="utf16.jsonl"
        ),
        pytest.param(
            "utf16be.csv", "id\n1\n".encode("utf-16-be"), ["line 1", "NUL byte", "save it as UTF-8"], id="utf16be.csv"
        ),
        pytest.param("nul.csv", b"id,text\n1,a\n2,b\x00\n", ["line 3", "NUL byte (0x00) at byte 4"], id="nul.csv"),
        pytest.param("bad.jsonl", b'{"a": 1}\n{"a": \n', ["line 2", "not valid JSON", "'{\"a\":'"], id="bad.jsonl"),
        pytest.param("list.jsonl", b'{"a": 1}\n[1, 2]\n', ["line 2", "[1, 2] is not a JSON object"], id="list.jsonl"),
        pytest.param("number.jsonl", b"7\n", ["line 1", "7 is not a JSON object"], id="number.jsonl"),
        pytest.param("deep.jsonl", b"[" * 100_000, ["line 1", "not valid JSON"], id="deep.jsonl"),
        pytest.param("long.jsonl", b'{"a": ' + b"9" * 5000 + b"}\n", ["line 1", "not valid JSON"], id="long.jsonl"),
        pytest.param(
            "missing.jsonl", b'{"a": 1, "b": 2}\n{"a": 1}\n', ["line 2", "no key 'b'", "['a']"], id="missing.jsonl"
        ),
        pytest.param("twice.jsonl", b'{"a": 1, "a": 2}\n', ["line 1", "key 'a' appears twice"], id="twice.jsonl"),
        pytest.param(
            "surrogate.jsonl",
            b'{"a": "x"}\n{"a": "\\ud83d"}\n',
            ["line 2", "'\\ud83d'", "surrogate"],
            id="surrogate.jsonl",
        ),
        pytest.param(
            "more.csv", b"id,text\n1,a\n2,b,c\n", ["line 3", "3 fields where the header has 2", "'2'"], id="more.csv"
        ),
        pytest.param(
            "fewer.csv", b"id,text\n1,a\n\n2\n", ["line 4", "1 fields where the header has 2", "'2'"], id="fewer.csv"
        ),
        pytest.param("fewer.tsv", b"id\ttext\n1 a\n", ["line 2", "1 fields", "'1 a'", "'\\t'"], id="fewer.tsv"),
        pytest.param("twice.csv", b"id,text,id\n1,a,2\n", ["column 'id' appears twice"], id="twice.csv"),
        pytest.param("open.csv", b'id,text\n1,a\n2,"b\n3,c\n', ["starts on line 3", "double quotes"], id="open.csv"),
        pytest.param("quote.csv", b'id,text\n1,"a"b\n', ["starts on line 2", "double quotes"], id="quote.csv"),
        pytest.param("mac.csv", b"id,text\r1,a\r", ["line 1", "line feed"], id="mac.csv"),
        pytest.param(
            "cut.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 1000)[:-20], ["broken gzip", "again"], id="cut.jsonl.gz"
        ),
        pytest.param("plain.jsonl.gz", b'{"a": 1}\n', ["broken gzip after line 0"], id="plain.jsonl.gz"),
        pytest.param("plain.parquet", b"id,text\n1,a\n", ["not a Parquet file"], id="plain.parquet"),
        pytest.param("t.xlsx", b"PK", ["no reader for '.xlsx'", ".parquet, .csv"], id="t.xlsx"),
        pytest.param("noending", b"PK", ["no reader for 'a name without a suffix'"], id="noending"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path, refused, name, content, parts):
    path = tmp_path / name
    path.write_bytes(content)
    with refused(str(path), *parts, error=DataError):
        read_table(path)


def test_bytes_changed_inside_a_gzip_are_noticed(tmp_path, refused):
    content = bytearray(gzip.compress(b'{"a": 1}\n'))
    content[-8] ^= 0xFF  # in the checksum, so that the text itself still parses
    (tmp_path / "t.jsonl.gz").write_bytes(content)
    with refused("t.jsonl.gz", "broken gzip"):
        read_table(tmp_path / "t.jsonl.gz")


def test_a_truncated_parquet_file_is_refused(tmp_path, refused):
    path = write(tmp_path / "t.parquet")
    path.write_bytes(path.read_bytes()[:-30])
    with refused(str(path), "truncated"):
        read_table(path)


def test_a_parquet_file_with_damaged_pages_is_refused(tmp_path, refused):
    path = write(tmp_path / "t.parquet", [{"text": f"{n:0999}"} for n in range(100)])
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56
    path.write_bytes(content)
    with refused(str(path), "damaged"):
        read_table(path)


def test_parquet_columns_of_one_name_are_refused(tmp_path, refused):
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "t.parquet")
    with refused("t.parquet", "column 'a' appears twice"):
        read_table(tmp_path / "t.parquet", ["a"])


def test_a_parquet_file_without_rows_is_refused(tmp_path, refused):
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), tmp_path / "t.parquet")
    with refused("t.parquet", "no rows"):
        read_table(tmp_path / "t.parquet", ["a"])


def test_a_field_beyond_the_limit_is_refused(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(delimited, "FIELD_LIMIT", 200_000)
    (tmp_path / "t.csv").write_text("id,text\n1," + "x" * 200_001 + "\n")
    with refused("t.csv", "starts on line 2", "200000"):
        read_table(tmp_path / "t.csv")


def test_a_field_longer_than_pythons_own_limit_is_read(tmp_path):
    (tmp_path / "t.csv").write_text("id,text\n1," + "x" * 1_000_000 + "\n")
    assert len(read_table(tmp_path / "t.csv").values("text")[0]) == 1_000_000


@pytest.mark.parametrize("name", ["no.csv", "no.json", "no"])
def test_a_missing_file_is_refused(tmp_path, refused, name):
    with refused(str(tmp_path / name), "no such file"):
        read_table(tmp_path / name)


def test_a_folder_called_like_a_file_is_refused(tmp_path, refused):
    (tmp_path / "t.parquet").mkdir()
    with refused(str(tmp_path / "t.parquet"), "a folder where a .parquet file is expected"):
        read_table(tmp_path / "t.parquet")


def test_a_split_of_a_file_is_refused(tmp_path, refused):
    with refused("t.csv", "--split test", "no splits"):
        read_table(write(tmp_path / "t.csv"), split="test")


@pytest.mark.parametrize("path", ["data/items", "data/items.json", "items", "../data/items", "/data/items", "a/b/c"])
def test_a_mistyped_path_is_not_looked_up_on_the_hub(tmp_path, refused, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(readers.huggingface, "read", lambda *_: pytest.fail("asked the hub"))
    with refused(path, "no such file"):
        read_table(path, download=True)


def test_nothing_is_looked_up_on_the_hub_unless_that_is_allowed(tmp_path, refused, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(readers.huggingface, "read", lambda *_: pytest.fail("asked the hub"))
    for ask in (read_table, readers.column_names):
        with refused("dta/items: no such file or folder", "allow its download (--download)"):
            ask("dta/items")


@pytest.mark.parametrize("path", ["owner/name", "owner/name-v1.1", "owner/name:configuration"])
def test_an_id_is_looked_up_on_the_hub(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    asked = []
    table = Table(path, {"a": [1]}, 1)
    monkeypatch.setattr(readers.huggingface, "read", lambda source, *_: asked.append(source) or table)
    assert read_table(path, download=True) is table
    assert asked == [path]


def test_a_hub_dataset_without_the_library_names_the_extra(tmp_path, refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    (tmp_path / "state.json").write_text("{}")
    with refused(str(tmp_path), "pip install 'trusteq[transformers]'", error=MissingExtraError):
        read_table(tmp_path)


def test_an_empty_folder_is_called_so(tmp_path, refused):
    (tmp_path / "cats").mkdir()
    with refused(str(tmp_path), "an empty folder; give one that holds pictures, sounds or a dataset"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id;no;yes\na;0.1;0.9\n", "semicolons, not commas"),
        ("id;no;yes\na;0,1;0,9\n", "semicolons, not commas"),
        ("id\tno\tyes\na\t0.1\t0.9\n", "tabs, not commas"),
        ("id|no|yes\na|0.1|0.9\n", "bars, not commas"),
    ],
)
def test_another_delimiter_is_recognised(tmp_path, refused, content, said):
    path = tmp_path / "t.csv"
    path.write_text(content)
    for columns in (None, ["id"]):
        with refused(f"{path}: line 1: one column", said, error=DataError):
            read_table(path, columns)
    with refused("commas, not tabs"):
        path.with_suffix(".tsv").write_text("id,no\na,1\n")
        read_table(path.with_suffix(".tsv"))


def test_one_column_of_texts_with_semicolons_is_no_other_delimiter(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text; as written\none\ntwo; three\n")
    assert read_table(path).columns == {"text; as written": ["one", "two; three"]}


# A hundred rows, of which one column holds 40 MB that nobody asks for.
HUGE_ROWS, HUGE_TEXT = 100, "x" * 400_000


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_text_column_nobody_asks_for_takes_no_memory(tmp_path, suffix):
    path = write(tmp_path / f"t{suffix}", [{"id": str(n), "huge": HUGE_TEXT} for n in range(HUGE_ROWS)])
    tracemalloc.start()
    try:
        assert read_table(path, ["id"]).rows == HUGE_ROWS
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8e6


@pytest.mark.slow
@pytest.mark.parametrize(
    "read",
    [lambda path: read_table(path, ["id"]), column_names],
    ids=["read_table", "column_names"],
)
def test_a_parquet_column_nobody_asks_for_takes_no_memory(tmp_path, read):
    rng = np.random.default_rng(0)
    huge = [rng.bytes(200_000).hex() for _ in range(HUGE_ROWS)]
    pq.write_table(pa.table({"id": list(map(str, range(HUGE_ROWS))), "huge": huge}), tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size > 15e6
    usual, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    try:
        read(tmp_path / "t.parquet")
        assert pool.max_memory() < 4e6
    finally:
        pa.set_memory_pool(usual)


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_a_file_that_may_not_be_read_is_refused(tmp_path, refused, monkeypatch, name):
    path = write(tmp_path / name)

    def deny(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", deny)
    with refused(str(path), "Permission denied"):
        read_table(path)


def test_parquet_texts_that_are_not_utf8_are_refused(tmp_path, refused):
    texts = pa.array([b"fine", b"caf\xe9"]).view(pa.string())
    pq.write_table(pa.table({"t": texts}), tmp_path / "t.parquet")
    with refused("t.parquet", "row 2", "column 't'", r"caf\xe9", "save it as UTF-8", error=DataError):
        read_table(tmp_path / "t.parquet")


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(tmp_path, refused, monkeypatch):
    """Told long before it is in memory."""
    monkeypatch.setattr("trusteq.data.lines.MAX_UNPACKED_BYTES", 10_000)
    with gzip.open(tmp_path / "bomb.csv.gz", "wt", encoding="utf-8") as file:
        file.write("a,b\n")
        file.write("x,y\n" * 500_000)
    with refused("bomb.csv.gz", "200 times its size"):
        read_table(tmp_path / "bomb.csv.gz")


def test_a_line_without_end_is_not_read(tmp_path, refused, monkeypatch):
    monkeypatch.setattr("trusteq.data.lines.MAX_LINE_BYTES", 1_000)
    (tmp_path / "long.jsonl").write_text('{"a": "' + "x" * 1_000 + '"}', "utf-8")
    with refused("long.jsonl: line 1", "longer than 1,000 bytes"):
        read_table(tmp_path / "long.jsonl")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name on this system")
@pytest.mark.parametrize("name", ["pipe.csv", "pipe.jsonl.gz", "pipe.parquet", "device.csv", "device.parquet"])
def test_what_is_no_file_is_not_waited_for(tmp_path, name, refused):
    path = tmp_path / name
    if name.startswith("pipe"):
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    for read in (read_table, column_names):
        with refused(name, "a pipe or a device, not a file"):
            read(path)
