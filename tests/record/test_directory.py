"""The run directory: complete or absent, the same bytes for the same audit, readable again."""

import hashlib
import json
import math
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cases import case

import trusteq
from trusteq import RunError, load_run
from trusteq.record import saving
from trusteq.record.run import rejudge
from trusteq.record.saving import free_directory, save
from trusteq.verdict import judge


@pytest.fixture(scope="module")
def result():
    large, small, items = case(200)
    return trusteq.audit(large, replace(small, name="../../sm all\n"), items, resamples=200)


def bytes_of(folder):
    """The hash of every file but the one that holds times."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != "costs.json"]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_it_holds_manifest_audit_policy_items_predictions_estimates_and_flips(result, tmp_path):
    path = save(result, tmp_path / "run")
    names = {p.name for p in path.iterdir()}
    assert names == {
        "manifest.json",
        "audit.json",
        "policy.yaml",
        "items.parquet",
        "predictions",
        "estimates.parquet",
        "flips.parquet",
        "costs.json",
    }


def test_a_model_s_name_cannot_lead_out_of_the_directory(result, tmp_path):
    path = save(result, tmp_path / "run")
    assert {p.name for p in tmp_path.iterdir()} == {"run"}
    assert {p.name for p in (path / "predictions").iterdir()} == {"00-large.parquet", "01-sm-all.parquet"}


@pytest.mark.slow
def test_the_same_audit_in_another_order_gives_the_same_bytes(tmp_path):
    large, small, items = case(200)
    for name, order in (("one", np.arange(200)), ("two", np.random.default_rng(1).permutation(200))):
        trusteq.audit(large, small, items.take(order), resamples=200, costs="none").save(tmp_path / name)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


@pytest.mark.slow
def test_another_seed_gives_other_intervals(tmp_path):
    large, small, items = case(200)
    for seed in (0, 1):
        trusteq.audit(large, small, items, resamples=200, seed=seed).save(tmp_path / str(seed))
    assert bytes_of(tmp_path / "0")["estimates.parquet"] != bytes_of(tmp_path / "1")["estimates.parquet"]


def test_the_manifest_names_what_was_compared(result, tmp_path):
    run = load_run(save(result, tmp_path / "run"))
    assert run.manifest["settings"]["seed"] == 0
    assert run.manifest["data"]["items"] == 200
    assert len(run.manifest["data"]["content"]) == 64
    assert {"numpy", "scipy", "pyarrow"} <= set(run.manifest["versions"])
    assert [m["role"] for m in run.manifest["models"]] == ["reference", "candidate"]


def test_the_items_hash_changes_with_a_single_letter():
    one = trusteq.Items(ids=["a", "b"], segments={"t": ["x", "y"]})
    assert one.content() != trusteq.Items(ids=["a", "b"], segments={"t": ["x", "z"]}).content()
    assert one.content() == trusteq.Items(ids=["a", "b"], segments={"t": ["x", "y"]}).content()


def test_tables_are_read_back(result, tmp_path):
    run = load_run(save(result, tmp_path / "run"))
    assert len(run.table("estimates")) == len(result.estimates())
    assert list(run.table("flips")["id"]) == [row["id"] for row in result.comparisons[0].flips]
    assert len(run.table("predictions/00-large")) == 200
    with pytest.raises(trusteq.RunError, match="no table 'nothing'"):
        run.table("nothing")


def test_a_run_judged_again_by_its_own_policy_has_its_own_verdict(result, tmp_path):
    run = load_run(save(result, tmp_path / "run"))
    assert list(rejudge(run, result.policy).values()) == [result.comparisons[0].verdict]


def test_an_existing_directory_is_never_overwritten(result, tmp_path):
    save(result, tmp_path / "run")
    before = bytes_of(tmp_path / "run")
    with pytest.raises(trusteq.RunError, match="already exists"):
        save(result, tmp_path / "run")
    assert bytes_of(tmp_path / "run") == before


def test_an_empty_directory_may_be_used(result, tmp_path):
    (tmp_path / "run").mkdir()
    assert (save(result, tmp_path / "run") / "audit.json").is_file()


def test_the_default_directory_is_the_next_free_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert free_directory(None).name == "trusteq-run"
    (tmp_path / "trusteq-run").mkdir()
    assert free_directory(None).name == "trusteq-run-2"


def test_a_failure_while_writing_leaves_nothing(result, tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trusteq.record.item_table.pq.write_table", full)
    with pytest.raises(trusteq.RunError, match="cannot be written: No space left on device"):
        save(result, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_something_else_than_a_run_is_refused(tmp_path):
    with pytest.raises(trusteq.RunError, match=r"not a run directory \(no manifest.json\)"):
        load_run(tmp_path)
    (tmp_path / "manifest.json").write_text("{", "utf-8")
    with pytest.raises(trusteq.RunError, match=r"manifest\.json: cannot be read"):
        load_run(tmp_path)


def refused_run(path, says):
    with pytest.raises(trusteq.RunError, match=says) as caught:
        load_run(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["policy.yaml", "items.parquet", "estimates.parquet", "predictions/00-large.parquet"])
def test_a_run_that_lacks_a_file_is_refused(result, tmp_path, file):
    path = save(result, tmp_path / "run")
    (path / file).unlink()
    refused_run(path, f"incomplete: no {file}")


@pytest.mark.parametrize("file", ["manifest.json", "audit.json", "flips.parquet", "predictions/01-sm-all.parquet"])
def test_a_file_that_was_cut_off_is_refused(result, tmp_path, file):
    path = save(result, tmp_path / "run")
    (path / file).write_bytes((path / file).read_bytes()[:-20])
    refused_run(path, f"{file}: (cannot be read|damaged or truncated)")


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("level", 2, "disagreement.level: input should be less than 1 .found '2'"),
        ("level", 0.0, "disagreement.level: input should be greater than 0"),
        ("value", "high", "disagreement.value: input should be a valid number .found 'high'"),
        ("n", None, "disagreement.n: input should be a valid integer"),
        ("colour", "red", "disagreement.colour: extra inputs are not permitted"),
    ],
)
def test_an_estimate_that_no_audit_writes_is_refused(result, tmp_path, field, value, says):
    path = save(result, tmp_path / "run")
    content = json.loads((path / "audit.json").read_text("utf-8"))
    content["candidates"][0]["measures"]["behaviour"]["disagreement"][field] = value
    (path / "audit.json").write_text(json.dumps(content), "utf-8")
    refused_run(path, rf"audit\.json: damaged: candidates\.0\.measures\.behaviour\.{says}")


def test_an_estimate_that_could_not_be_computed_is_read_back_as_such(result, tmp_path):
    (comparison,) = result.comparisons
    unknown = replace(comparison.measures["behaviour"]["disagreement"], value=math.nan)
    measures = {
        **comparison.measures,
        "behaviour": {**comparison.measures["behaviour"], "disagreement": unknown},
    }
    verdict = judge(measures, result.policy)
    comparison = replace(comparison, measures=measures, verdict=verdict)
    path = save(replace(result, comparisons=(comparison,)), tmp_path / "run")
    (verdict,) = rejudge(load_run(path), result.policy).values()
    assert "could not be computed" in next(r for r in verdict.dimensions[0].rules if r.measure == "disagreement").reason


@pytest.mark.parametrize("version", [0, -1, True, "1", None])
def test_a_schema_version_that_is_none_is_refused(result, tmp_path, version):
    path = save(result, tmp_path / "run")
    content = json.loads((path / "audit.json").read_text("utf-8"))
    (path / "audit.json").write_text(json.dumps({**content, "schema_version": version}), "utf-8")
    refused_run(path, "unknown schema version")


def test_a_table_that_was_cut_off_later_is_refused(result, tmp_path):
    run = load_run(save(result, tmp_path / "run"))
    (run.directory / "flips.parquet").write_bytes(b"PAR1")
    with pytest.raises(trusteq.RunError, match="damaged or truncated"):
        run.table("flips")


def test_a_folder_whose_place_cannot_be_taken_is_told_before_any_work(tmp_path, monkeypatch, one_line):
    """The run is renamed to it at the end, which the system refuses of both."""
    monkeypatch.chdir(tmp_path)
    for place in (".", tmp_path):
        with pytest.raises(RunError) as caught:
            free_directory(place)
        one_line(caught, "is the folder that this runs in", "name a folder inside it")
    (tmp_path / "volume").mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda path: path.name == "volume")
    with pytest.raises(RunError, match="volume: is a mount point") as caught:
        free_directory("volume")
    one_line(caught)


@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_is_no_place_for_a_run(tmp_path, there):
    if there:
        (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(trusteq.RunError, match=r"link: is a symbolic link \(to .*real\)"):
        free_directory(tmp_path / "link")


@pytest.mark.parametrize("place", ["/proc/trusteq-run", "file/run"])
def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("", "utf-8")
    with pytest.raises(trusteq.RunError, match="cannot be written in"):
        free_directory(place)


def test_looking_for_a_place_leaves_nothing(tmp_path):
    free_directory(tmp_path / "a" / "run")
    assert list(tmp_path.iterdir()) == []


def test_names_of_other_bytes_are_written_readably(tmp_path):
    large, small, items = case(100)
    strange = os.fsdecode(b"caf\xe9.csv")
    path = trusteq.audit(large, replace(small, content=strange), replace(items, source=strange), resamples=200).save(
        tmp_path / "run"
    )
    run = load_run(path)
    assert run.manifest["data"]["source"] == run.manifest["models"][1]["content"] == "caf\ufffd.csv"


def test_a_newer_run_is_refused(result, tmp_path):
    path = save(result, tmp_path / "run")
    manifest = json.loads((path / "manifest.json").read_text("utf-8"))
    (path / "manifest.json").write_text(json.dumps({**manifest, "schema_version": 99}), "utf-8")
    with pytest.raises(trusteq.RunError, match="schema version 99"):
        load_run(path)


def test_label_names_may_be_anything_even_id(tmp_path):
    large, small, items = case(100)
    names = ("id", "<b>", "a\nb")
    renamed = replace(items, label_names=names)
    path = trusteq.audit(replace(large, labels=names), replace(small, labels=names), renamed, resamples=200).save(
        tmp_path / "run"
    )
    assert list(load_run(path).table("predictions/00-large").columns) == ["item id", *names]


def test_what_killed_processes_left_is_cleared_away_and_what_others_write_is_not(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    for name in (f".run.{dead.pid}.aa.part", ".run.1.aa.part", f".other.{dead.pid}.aa.part", ".run.mine.aa.part"):
        (tmp_path / name / "values").mkdir(parents=True)
    large, small, items = case(50)
    trusteq.audit(large, small, items, resamples=100, with_slices=False, costs="none").save(tmp_path / "run")
    assert {p.name for p in tmp_path.iterdir()} == {
        "run",
        ".run.1.aa.part",
        f".other.{dead.pid}.aa.part",
        ".run.mine.aa.part",
    }


def test_a_run_whose_place_was_taken_meanwhile_is_kept_beside_it(tmp_path, monkeypatch):
    """Of two audits with one --out, hours long, the second was lost."""
    large, small, items = case(60)
    made = trusteq.audit(large, small, items, resamples=100, costs="none")
    save(made, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    monkeypatch.setattr(saving, "free_directory", Path)
    for name in ("run-2", "run-3"):
        with pytest.raises(
            RunError, match=rf"run: another command wrote there in the meantime; this run is in .*{name}$"
        ):
            save(made, tmp_path / "run")
        assert load_run(tmp_path / name).manifest["files"]
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run-2", "run-3"]
