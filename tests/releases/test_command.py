"""``trusteq history`` as a user meets it."""

import json
import shutil

import pytest
from command import one_line, trusteq


def test_what_changed_since_the_last_time_comes_first(folder):
    done = trusteq("history", "1.0", "1.2", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[1].startswith("2 runs, 1.0 to 1.2, judged by policy first (")
    at = lines.index("small: EQUIVALENT in 1.2, was NOT EQUIVALENT in 1.0: better")
    below = "\n".join(lines[at:])
    assert below.index("disagreement") < below.index("what changed with it") < below.index("rules met")
    assert "candidate: content 000000000000 → 111111111111" in below


def test_in_a_narrow_terminal_nothing_is_cut(folder, monkeypatch):
    monkeypatch.setattr("trusteq.cli.screen.PIPE_WIDTH", 50)
    said = trusteq("history", ".", cwd=folder).stdout
    assert max(map(len, said.splitlines())) <= 50
    assert "…" not in said
    assert said.count("≠ NOT EQUIVALENT") >= 1


def test_json_holds_every_point_and_every_change(folder):
    told = json.loads(trusteq("history", ".", "--as", "json", cwd=folder).stdout)
    assert [run["name"] for run in told["runs"]] == ["1.0", "1.2", "1.9", "1.10", "2.0"]
    small, tiny = told["candidates"]
    assert [len(line["points"]) for line in small["measures"]] == [5, 5]
    assert [[one["kind"] for one in step["breaks"]] for step in small["changes"]] == [
        [], ["items"], ["policy"], ["reference"],
    ]  # fmt: skip
    assert [run["run"] for run in tiny["runs"]] == [4]


@pytest.mark.parametrize(("form", "start"), [("html", "<!doctype html>"), ("markdown", "### "), ("json", "{")])
def test_each_form_goes_to_stdout_or_to_a_file(folder, tmp_path, form, start):
    printed = trusteq("history", folder / "1.0", "--as", form).stdout
    assert printed.lstrip().startswith(start)
    done = trusteq("history", folder / "1.0", "--as", form, "--out", tmp_path / "out")
    assert done.stdout == ""
    assert (tmp_path / "out").read_text("utf-8").strip() == printed.strip()


def test_with_a_file_alone_the_summary_is_printed_and_the_page_written(folder, tmp_path):
    done = trusteq("history", folder, "--out", tmp_path / "history.html")
    assert "what changed" in done.stdout
    assert (tmp_path / "history.html").read_text("utf-8").lstrip().startswith("<!doctype html>")


def test_no_file_of_a_run_is_overwritten(folder):
    before = (folder / "1.0/audit.json").read_bytes()
    one_line(trusteq("history", ".", "--as", "json", "--out", "1.0/audit.json", cwd=folder), "lies inside the run 1.0")
    assert (folder / "1.0/audit.json").read_bytes() == before


def test_one_policy_for_all_is_said(folder):
    done = trusteq("history", ".", "--policy", "paper", cwd=folder)
    assert "all judged by policy paper (" in done.stdout


def test_a_damaged_run_in_a_folder_is_warned_of(folder, tmp_path):
    for name in ("1.0", "1.2"):
        shutil.copytree(folder / name, tmp_path / name)
    (tmp_path / "1.0/flips.parquet").unlink()
    done = trusteq("history", ".", cwd=tmp_path)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line == "trusteq: left out: 1.0: incomplete: no flips.parquet; copy the run again or audit again"
    assert "! left out: 1.0: incomplete" in done.stdout
    one_line(trusteq("history", "1.0", cwd=tmp_path), "1.0: incomplete")


def test_mistakes_are_one_line(folder):
    one_line(trusteq("history", "nowhere", cwd=folder), "nowhere: not a run directory")
    one_line(trusteq("history", ".", "--candidate", "huge", cwd=folder), "choose from small, tiny")
    one_line(trusteq("history", ".", "--policy", "nope.yaml", cwd=folder), "nope.yaml")
    one_line(trusteq("history"), "RUN...")
