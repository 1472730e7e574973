"""A run at an address instead of a path: the same bytes, complete or absent, read by every command."""

import pytest
from cases import case
from command import one_line as refused
from command import trusteq as command

import trusteq
from trusteq import RunError, load_run
from trusteq.record.address import LAST, free_address, save_at
from trusteq.work.folder import RemoteFolder

fsspec = pytest.importorskip("fsspec", reason="needs the extra 'transformers'")


@pytest.fixture(scope="module")
def result():
    large, small, items = case(100)
    return trusteq.audit(large, small, items, resamples=100)


@pytest.fixture
def address(tmp_path):
    return f"file://{tmp_path}/bucket/run"


def files(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "costs.json"
    }


def test_what_is_put_there_is_the_run_directory(result, address, tmp_path):
    assert save_at(result, address) == address
    result.save(tmp_path / "run")
    assert files(tmp_path / "bucket" / "run") == files(tmp_path / "run")
    run = load_run(address)
    assert run.audit == load_run(tmp_path / "run").audit
    assert run.table("estimates").equals(load_run(tmp_path / "run").table("estimates"))


def test_it_works_where_there_are_no_folders(result):
    """As in an object store."""
    save_at(result, "memory://bucket/run")
    assert load_run("memory://bucket/run").table("items").shape[0] == 100


def test_a_complete_run_is_not_written_over(result, address, one_line):
    save_at(result, address)
    with pytest.raises(RunError) as caught:
        free_address(address)
    one_line(caught, "already holds a run", "choose another --out")


def test_half_a_run_is_none_and_is_written_again(result, address, one_line, monkeypatch):
    put, written = RemoteFolder.write, []

    def fails(self, name, content):
        if len(written) == 4:
            raise RunError("the line is cut")
        written.append(name)
        put(self, name, content)

    monkeypatch.setattr(RemoteFolder, "write", fails)
    with pytest.raises(RunError, match="cut"):
        save_at(result, address)
    monkeypatch.undo()
    assert LAST not in written
    with pytest.raises(RunError) as caught:
        load_run(address)
    one_line(caught, f"{address}: not a run directory (no manifest.json)")
    save_at(result, address)
    assert load_run(address).audit["items"]["n"] == 100


def test_names_that_lead_elsewhere_are_left_where_they_are(result, address, tmp_path):
    save_at(result, address)
    (tmp_path / "bucket" / "run" / ".hidden").write_text("x")
    (tmp_path / "bucket" / "run" / "a b").write_text("x")
    copy = load_run(address).directory
    assert not {".hidden", "a b"} & {path.name for path in copy.iterdir()}


def test_an_address_that_nobody_knows_is_one_line(one_line):
    with pytest.raises(RunError) as caught:
        load_run("nowhere://bucket/run")
    one_line(caught, "nowhere://bucket/run", "driver")


@pytest.mark.slow
def test_every_command_takes_an_address(tmp_path, address):
    large, small, items = case(100)
    for name, model in (("large", large), ("small", small)):
        rows = [
            f"{id_},{','.join(map(str, p))},{items.label_names[g]}"
            for id_, p, g in zip(items.ids, model.predict(items), items.labels, strict=True)
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join([f"id,{','.join(model.labels)},gold", *rows]))
    words = ["audit", "large.csv", "small.csv", "--label", "gold", "--resamples", "100", "--quiet", "--no-slices"]
    done = command(*words, "--out", address, cwd=tmp_path)
    assert done.returncode in {0, 1, 3}, done.stderr
    assert f"run directory: {address}" in done.stderr
    assert not (tmp_path / "bucket" / "run.work").exists()
    refused(command(*words, "--out", address, cwd=tmp_path), "already holds a run")
    assert command("show", address).stdout == done.stdout
    assert command("gate", address).returncode == done.returncode
    assert command("report", address, cwd=tmp_path).returncode == 0
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert command("figure", address, "intervals", "--out", tmp_path / "f.svg").returncode == 0
    assert command("diff", address, address).returncode == 0
