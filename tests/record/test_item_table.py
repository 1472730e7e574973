"""Arrays in a run: kept with it, read back to the bit, shown."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import trusteq
from trusteq import RunError, load_run
from trusteq.auditing.verify import verify_run
from trusteq.record import item_table
from trusteq.record.evidence import evidence, evidence_of
from trusteq.record.integrity import MANIFEST, file_hashes
from trusteq.record.json_file import read_json
from trusteq.record.stored_responses import read_items
from trusteq.report.item import item_view
from trusteq.report.page.page import page
from trusteq.report.paired_runs import PairedRuns

N = 60


def pixels(n=N):
    return np.random.default_rng(0).integers(0, 256, size=(n, 4, 5), dtype=np.uint8)


def answers(weight):
    def of(rows):
        bright = weight * (np.array([np.mean(pixels) + len(text) for pixels, text in rows]) - 130) / 20
        p = 1 / (1 + np.exp(-bright))
        return np.stack([1 - p, p], axis=1)

    return of


def audited(x):
    ids, labels = [f"i{i:03}" for i in range(len(x))], np.arange(len(x)) % 2
    items = trusteq.Items(ids, {"pixels": x, "note": ["a word"] * len(x)}, labels, ("no", "yes"))
    models = [trusteq.from_callable(answers(w), labels=["no", "yes"], name=f"model-{w}") for w in (1, 0.9)]
    return trusteq.audit(*models, items, resamples=100, costs="none")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return audited(pixels()).save(tmp_path_factory.mktemp("arrays") / "run")


def test_a_run_gives_its_arrays_back_to_the_bit(saved):
    back = read_items(load_run(saved))
    assert list(back.segments) == ["pixels", "note"]
    assert back.segments["pixels"].values.dtype == np.uint8
    np.testing.assert_array_equal(back.segments["pixels"], pixels())
    assert back.content() == read_json(saved / MANIFEST)[0]["data"]["content"]


def test_it_is_verified_arrays_and_all(saved):
    found = verify_run(load_run(saved))
    assert found.passed
    assert "arrays" not in " ".join(found.unchecked)


def test_anybody_can_read_them(saved):
    frame = pd.read_parquet(saved / "items.parquet")
    np.testing.assert_array_equal(np.stack(frame["segment pixels"]).reshape(N, 4, 5), pixels())


def test_a_file_of_texts_has_the_bytes_it_always_had(tmp_path):
    columns = trusteq.Items(["a", "b"], {"t": ["x", "größer"]}, columns={"c": ["p", "q"]})
    item_table.write_table(item_table.item_columns(columns), tmp_path / "new.parquet")
    table = pa.table({"id": ["a", "b"], "segment t": ["x", "größer"], "column c": ["p", "q"]})
    pq.write_table(table, tmp_path / "old.parquet", compression="zstd")
    assert (tmp_path / "new.parquet").read_bytes() == (tmp_path / "old.parquet").read_bytes()


def test_what_is_large_is_not_packed_beyond_what_a_reader_believes(tmp_path, monkeypatch):
    monkeypatch.setattr(item_table, "MAX_UNPACKED_BYTES", 1_000)
    made = audited(np.zeros((N, 50, 50)))
    run = load_run(made.save(tmp_path / "run"))
    assert (tmp_path / "run" / "items.parquet").stat().st_size > N * 50 * 50 * 8
    np.testing.assert_array_equal(read_items(run).segments["pixels"], np.zeros((N, 50, 50)))


def test_the_item_and_the_page_show_numbers(saved):
    run = load_run(saved)
    held = audited(pixels())
    first = " ".join(map(str, pixels()[0].ravel()[:16]))
    for item in (item_view(evidence(run), "i000"), held.item("i000")):
        assert item.segments == {"pixels": f"{first} … (4 x 5 uint8)", "note": "a word"}
    assert f"{first} …" in page(evidence(run))
    np.testing.assert_array_equal(evidence(run).segments["pixels"], pixels())


def test_runs_of_other_arrays_are_not_paired(saved):
    other = pixels()
    other[7, 0, 0] ^= 1
    matches = [PairedRuns(evidence(load_run(saved)), evidence_of(audited(x))).match for x in (pixels(), other)]
    assert [match.paired for match in matches] == [True, False]
    assert matches[1].reason == "items with the same id have different arrays (pixels)"


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (b'{"kind": "array", "dtype": "|u1", "shape": [3]}', "column 'segment pixels': lists of 20 numbers, not 3"),
        (b'{"kind": "smell"}', "column 'segment pixels': unknown kind of segment 'smell'"),
        (b"{", "column 'segment pixels': metadata"),
    ],
)
def test_a_column_that_is_not_what_it_says_is_one_line(saved, tmp_path, about, said):
    run = tmp_path / "run"
    run.mkdir()
    for file in saved.rglob("*"):
        (run / file.relative_to(saved)).parent.mkdir(exist_ok=True)
        if file.is_file():
            (run / file.relative_to(saved)).write_bytes(file.read_bytes())
    table = pq.read_table(run / "items.parquet")
    at = table.schema.get_field_index("segment pixels")
    table = table.set_column(at, table.schema.field(at).with_metadata({b"trusteq": about}), table.column(at))
    pq.write_table(table, run / "items.parquet")
    manifest = read_json(run / MANIFEST)[0]
    manifest["files"] = file_hashes(run)
    (run / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(RunError, match=f"items.parquet: damaged: {said}"):
        read_items(load_run(run))
