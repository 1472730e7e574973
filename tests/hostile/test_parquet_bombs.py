"""Small Parquet files that stand for a great deal: refused before it is unpacked, in data and in runs."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import case
from rehashed import rehashed

import trusteq
from trusteq import DataError, load_run
from trusteq.data.readers import column_names, read_table


def repeated(text, times):
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(times, np.int32)), pa.array([text]))


def zeros(count):
    return pa.array(np.zeros(count, np.int8))


BOMBS = {
    "a text a million times": lambda: repeated("x" * 1_000_000, 1_000_000),
    "as its reader's plain texts": lambda: pa.array(["x" * 100_000] * 3_000),
    "as large texts": lambda: pa.array(["x" * 100_000] * 3_000, pa.large_string()),
    "as views": lambda: pa.array(["x" * 100_000] * 3_000).cast(pa.string_view()),
    "as bytes": lambda: pa.array([b"x" * 100_000] * 3_000),
    "a number a hundred million times": lambda: zeros(100_000_000),
    "a list of a hundred million numbers": lambda: pa.LargeListArray.from_arrays([0, 100_000_000], zeros(100_000_000)),
    "a text of 300 million letters": lambda: pa.array(["x" * 300_000_000]),
}


@pytest.fixture(scope="module")
def bombs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bombs")
    for number, make in enumerate(BOMBS.values()):
        pq.write_table(pa.table({"text": make()}), folder / f"{number}.parquet", compression="zstd")
    return dict(zip(BOMBS, sorted(folder.iterdir()), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_what_unpacks_to_too_much_is_refused(name, bombs, one_line):
    assert bombs[name].stat().st_size < 500_000
    assert column_names(bombs[name]) == ["text"]
    with pytest.raises(DataError) as caught:
        read_table(bombs[name])
    one_line(caught, f"{bombs[name]}: unpacks to more than 268,435,456 bytes", "write it uncompressed")


@pytest.mark.slow
def test_it_is_refused_before_it_is_unpacked(bombs):
    """All of them together in a process of its own, which stays small."""
    code = (
        "import resource, sys\nfrom trusteq.data.readers import read_table\nfrom trusteq.errors import DataError\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "for path in sys.argv[1:]:\n"
        "    try: read_table(path)\n"
        "    except DataError: continue\n"
        "    sys.exit(f'read {path}')\n"
        "print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, *map(str, bombs.values())], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < 2**30  # the texts of one letter alone would be a terabyte


def test_a_file_that_packs_well_and_is_small_is_read(tmp_path):
    pq.write_table(pa.table({"text": repeated("good", 1_000_000)}), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").columns["text"] == ["good"] * 1_000_000


@pytest.mark.slow
def test_what_nobody_asked_for_may_be_large(tmp_path):
    pq.write_table(pa.table({"n": [1, 2], "text": ["x" * 300_000_000, "y"]}), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", ["n"]).columns["n"].tolist() == [1, 2]


def test_a_table_of_a_run_is_not_unpacked_either(tmp_path, one_line):
    large, small, items = case(100)
    path = trusteq.audit(large, small, items, resamples=100).save(tmp_path / "run")
    before = load_run(path).table("estimates")
    assert before.equals(pq.read_table(path / "estimates.parquet").to_pandas())
    pq.write_table(pa.table({"measure": repeated("x" * 1_000_000, 1_000_000)}), path / "estimates.parquet")
    rehashed(path)
    with pytest.raises(DataError) as caught:
        load_run(path).table("estimates")
    one_line(caught, "estimates.parquet: unpacks to more than")


def test_views_and_dictionaries_are_read_as_their_values(tmp_path):
    columns = {
        "a.b": pa.array(["x", None, "z"], pa.large_string()),
        "codes": pa.DictionaryArray.from_arrays([0, 1, 0], [5, 7]),
        "words": pa.DictionaryArray.from_arrays([0, 1, 0], ["u", "v"]),
        "views": pa.array(["p", "longer than twelve bytes", None], pa.string_view()),
        "raw": [b"1", b"2", b"3"],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    found = read_table(tmp_path / "t.parquet")
    assert {name: list(found.columns[name]) for name in columns} == {
        "a.b": ["x", None, "z"],
        "codes": [5, 7, 5],
        "words": ["u", "v", "u"],
        "views": ["p", "longer than twelve bytes", None],
        "raw": [b"1", b"2", b"3"],
    }
