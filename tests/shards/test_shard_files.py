"""Finished work on disk: read when it is whole and of this very work, else set aside and done again."""

import json
import subprocess
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trusteq import RunError, from_callable
from trusteq.work.shard import HERE, Answered, in_order, predict_at
from trusteq.work.shard_files import CachingExecutor, ShardFiles

KEY = "k" * 64
ANSWER = Answered(np.random.default_rng(0).random((50, 3)), {"i7": 99, "ü": 70})


@pytest.fixture
def said():
    return []


@pytest.fixture
def files(tmp_path, said):
    return ShardFiles(tmp_path / "w", said.append)


def file_of(files):
    return files.folder.path / f"{KEY}.parquet"


def test_what_was_written_is_read_to_the_bit(files, said):
    assert files.read(KEY, 50, 3) is None
    files.write(KEY, ANSWER)
    found = files.read(KEY, 50, 3)
    assert np.array_equal(found.rows, ANSWER.rows)
    assert found.cut == ANSWER.cut
    assert said == []
    assert [path.name for path in files.folder.path.iterdir()] == [f"{KEY}.parquet"]


RAGGED = Answered(np.arange(6.0).reshape(6, 1), counts=np.array([2, 0, 4]))


def test_how_many_rows_each_item_has_is_kept(files, said):
    files.write(KEY, RAGGED)
    found = files.read(KEY, 3, 1)
    assert np.array_equal(found.rows, RAGGED.rows)
    assert found.counts.tolist() == [2, 0, 4]
    assert said == []


@pytest.mark.parametrize("counts", [[2, 1, 3], [2, 4], [2, 0, 5], [-1, 3, 4], [[2, 0, 4]], "240"])
def test_other_numbers_of_rows_are_set_aside(counts, files, said):
    files.write(KEY, RAGGED)
    table = pq.read_table(file_of(files))
    told = json.loads(table.schema.metadata[b"trusteq"]) | {"counts": counts}
    pq.write_table(table.replace_schema_metadata({b"trusteq": json.dumps(told)}), file_of(files))
    assert files.read(KEY, 3, 1) is None
    assert "set aside" in said[0]


def test_the_same_answer_gives_the_same_bytes(tmp_path):
    written = []
    for name in ("a", "b"):
        files = ShardFiles(tmp_path / name)
        files.write(KEY, ANSWER)
        written.append(file_of(files).read_bytes())
    assert written[0] == written[1]


def test_anybody_can_read_it_without_trusteq(files):
    files.write(KEY, ANSWER)
    assert np.array_equal(pq.read_table(file_of(files)).to_pandas().to_numpy(), ANSWER.rows)


def set_aside(files, said):
    assert files.read(KEY, 50, 3) is None
    assert not file_of(files).exists()
    assert [path.name for path in files.folder.path.iterdir()] == [f"{KEY}.parquet.damaged"]
    (line,) = said
    assert "set aside" in line
    assert "\n" not in line


@pytest.mark.parametrize("keep", [0, 1, 4, 100, -1, -8])
def test_a_file_that_is_cut_off_is_set_aside(keep, files, said):
    files.write(KEY, ANSWER)
    file_of(files).write_bytes(file_of(files).read_bytes()[:keep])
    set_aside(files, said)


def test_no_flipped_bit_is_ever_read(files):
    """Wherever it is: what is read is what was written, or nothing."""
    files.write(KEY, ANSWER)
    whole = file_of(files).read_bytes()
    refused = 0
    for at in range(0, len(whole), 7):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << (at % 8)
        file_of(files).write_bytes(flipped)
        found = files.read(KEY, 50, 3)
        refused += found is None
        assert found is None or (np.array_equal(found.rows, ANSWER.rows) and found.cut == ANSWER.cut)
    assert refused > 100


def test_a_file_of_other_work_is_set_aside(files, said):
    files.write("o" * 64, ANSWER)
    (files.folder.path / f"{'o' * 64}.parquet").rename(file_of(files))
    set_aside(files, said)


@pytest.mark.parametrize("content", [b"not parquet", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_a_file_of_something_else_is_set_aside(content, files, said):
    files.folder.path.mkdir()
    file_of(files).write_bytes(content)
    set_aside(files, said)


def test_a_parquet_file_of_somebody_else_is_set_aside(files, said):
    out = BytesIO()
    pq.write_table(pa.table({"0": [0.5] * 50, "1": [0.5] * 50, "2": [0.5] * 50}), out)
    files.folder.write(f"{KEY}.parquet", out.getvalue())
    set_aside(files, said)


def test_a_file_that_claims_to_hold_too_much_is_not_unpacked(files, said, monkeypatch):
    files.write(KEY, Answered(np.zeros((2_000_000, 3))))
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("unpacked"))
    set_aside(files, said)
    assert "2000000 x 3 values, not 50 x 3" in said[0]


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(files, monkeypatch, one_line):
    files.write("a" * 64, ANSWER)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError) as caught:
        files.write(KEY, ANSWER)
    one_line(caught, "No space left on device", "--work")
    assert [path.name for path in files.folder.path.iterdir()] == [f"{'a' * 64}.parquet"]


@pytest.fixture
def disk(tmp_path):
    """A file system of 64 kB of its own, and a function to remount it."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        return subprocess.run(["mount", "-o", options, "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False)

    if mount("size=64k").returncode:
        pytest.skip("no file system may be mounted here")
    yield place, mount
    subprocess.run(["umount", place], check=True)


def test_a_disk_that_is_really_full(disk, one_line):
    place, _ = disk
    files = ShardFiles(place / "w")
    keys = [f"{i:064}" for i in range(100)]
    with pytest.raises(RunError) as caught:
        list(map(lambda key: files.write(key, ANSWER), keys))  # noqa: C417
    one_line(caught, "No space left on device")
    kept = sorted(path.stem for path in (place / "w").iterdir())
    assert 1 < len(kept) < 100
    assert kept == keys[: len(kept)]
    assert all(np.array_equal(files.read(key, 50, 3).rows, ANSWER.rows) for key in kept)


def test_a_disk_that_is_really_read_only(disk, said, one_line):
    place, mount = disk
    files = ShardFiles(place / "w", said.append)
    files.write(KEY, ANSWER)
    (place / "w" / f"{'b' * 64}.parquet").write_bytes(b"torn")
    mount("remount,ro")
    assert np.array_equal(files.read(KEY, 50, 3).rows, ANSWER.rows)
    assert files.read("b" * 64, 50, 3) is None
    with pytest.raises(RunError) as caught:
        files.write("c" * 64, ANSWER)
    one_line(caught, "Read-only file system")


def test_a_place_that_is_no_folder_is_one_line(tmp_path, one_line):
    (tmp_path / "file").touch()
    with pytest.raises(RunError) as caught:
        ShardFiles(tmp_path / "file" / "w").write(KEY, ANSWER)
    one_line(caught, "cannot be written there")


def test_at_an_address(said):
    pytest.importorskip("fsspec")
    files = ShardFiles("memory://bucket/work", said.append)
    assert files.read(KEY, 50, 3) is None
    files.write(KEY, ANSWER)
    assert np.array_equal(ShardFiles("memory://bucket/work").read(KEY, 50, 3).rows, ANSWER.rows)
    files.folder.write(f"{KEY}.parquet", b"torn")
    assert files.read(KEY, 50, 3) is None
    assert files.read(KEY, 50, 3) is None
    assert len(said) == 1
    files.folder.remove()


def test_an_address_of_nothing_is_one_line(one_line):
    pytest.importorskip("fsspec")
    with pytest.raises(RunError) as caught:
        ShardFiles("nowhere://bucket/work")
    one_line(caught, "nowhere://bucket/work", "fsspec")


# A place that keeps -------------------------------------------------------------------------------


class Counting:
    """This process, and how many shards it was given."""

    def __init__(self, threads=1):
        self.asked, self.threads = 0, threads

    def answers(self, model, shards, advance):
        self.asked += len(shards)
        yield from HERE.answers(model, shards, advance)


def test_what_is_done_is_not_done_again(model, items, files):
    place = Counting()
    first = predict_at(CachingExecutor(files, place), model, items).values
    asked, place.asked = place.asked, 0
    told = []
    again = predict_at(CachingExecutor(files, place), model, items, advance=told.append).values
    assert (asked > 1, place.asked, sum(told)) == (True, 0, 600)
    assert np.array_equal(first, again)


def test_only_what_is_missing_is_done(model, items, files, said):
    place = Counting()
    first = predict_at(CachingExecutor(files, place), model, items).values
    one, other = sorted(files.folder.path.iterdir())[:2]
    one.unlink()
    other.write_bytes(other.read_bytes()[:-5])
    place.asked = 0
    assert np.array_equal(predict_at(CachingExecutor(files, place), model, items).values, first)
    assert place.asked == 2
    assert len(said) == 1


def test_other_items_and_other_models_do_not_take_it(model, items, files, tmp_path):
    from oracles import tiny_models

    from trusteq.models.open import open_model

    place = Counting()
    predict_at(CachingExecutor(files, place), model, items)
    place.asked = 0
    predict_at(CachingExecutor(files, place), model, items.take(range(599)))
    assert place.asked > 0
    place.asked = 0
    predict_at(
        CachingExecutor(files, place), open_model(tiny_models.save("bert", tmp_path / "o", seed=2), name="tiny"), items
    )
    assert place.asked > 0


def test_what_another_number_of_threads_made_is_not_taken(model, items, files):
    """The last bits of some sums depend on it."""
    predict_at(CachingExecutor(files, Counting()), model, items)
    place = Counting(threads=2)
    predict_at(CachingExecutor(files, place), model, items)
    assert place.asked > 0


def test_what_somebody_else_put_into_the_folder_stays(model, items, files):
    predict_at(CachingExecutor(files), model, items)
    (files.folder.path / "thesis.tex").touch()
    (files.folder.path / "own.parquet").touch()
    files.folder.remove()
    assert {path.name for path in files.folder.path.iterdir()} == {"thesis.tex", "own.parquet"}


def test_what_is_kept_goes_with_its_folder(model, items, files):
    predict_at(CachingExecutor(files), model, items)
    (files.folder.path / f".{'a' * 64}.parquet.{'b' * 32}.part").touch()
    (files.folder.path / f"{'a' * 64}.parquet.damaged").touch()
    files.folder.remove()
    assert not files.folder.path.exists()


def test_what_nobody_can_name_is_not_kept(items, files):
    model = from_callable(lambda texts: np.full((len(texts), 2), 0.5), labels=("a", "b"), name="f")
    predict_at(CachingExecutor(files), model, items)
    assert not files.folder.path.exists()


def test_work_is_written_as_it_is_done(model, items, files):
    """So that an interruption loses one shard, not all."""
    answers = CachingExecutor(files).answers(model, [], lambda n: None)
    assert list(answers) == []
    from trusteq.work.shard import Prediction

    shards = [Prediction(items.take(range(at, at + 10))) for at in (0, 10, 20)]
    answers = in_order(CachingExecutor(files).answers(model, shards, lambda n: None))
    next(answers)
    assert len(list(files.folder.path.iterdir())) == 1
