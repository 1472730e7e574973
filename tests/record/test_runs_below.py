"""The runs in a folder and below it."""

import pytest

from trusteq.errors import RunError
from trusteq.record import runs_below as module
from trusteq.record.runs_below import natural, runs_below


def run(path):
    path.mkdir(parents=True)
    (path / "manifest.json").write_text("{}")
    (path / "audit.json").write_text("{}")
    return path


def test_runs_are_found_in_natural_order_at_any_depth_up_to_the_limit(tmp_path):
    for name in ("1.10", "1.9", "a/b/run 2", "a/b/run 10", "1/2/3/4", "1/2/3/5/6"):
        run(tmp_path / name)
    found = [path.relative_to(tmp_path).as_posix() for path in runs_below(tmp_path)]
    assert found == ["1.9", "1.10", "1/2/3/4", "a/b/run 2", "a/b/run 10"]


def test_a_folder_that_is_a_run_is_the_only_one(tmp_path):
    run(tmp_path / "outer")
    run(tmp_path / "outer/inner")
    assert runs_below(tmp_path / "outer") == [tmp_path / "outer"]


def test_links_hidden_folders_and_other_manifests_are_passed_over(tmp_path):
    outside = run(tmp_path / "outside/run")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to(outside)
    run(tmp_path / "in/.hidden")
    (tmp_path / "in/app").mkdir()
    (tmp_path / "in/app/manifest.json").write_text("{}")
    assert runs_below(tmp_path / "in") == []


def test_a_folder_without_an_audit_json_that_once_was_a_run_is_not_overlooked(tmp_path):
    (run(tmp_path / "damaged") / "audit.json").rename(tmp_path / "damaged/policy.yaml")
    assert runs_below(tmp_path) == [tmp_path / "damaged"]


def test_far_too_many_folders_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_FOLDERS", 3)
    for name in "abcd":
        (tmp_path / name).mkdir()
    with pytest.raises(RunError, match="name a folder further down"):
        runs_below(tmp_path)


def test_numbers_of_any_length_are_sorted():
    assert sorted(["9" * 5000, "a", "10", "9"], key=natural) == ["9", "10", "9" * 5000, "a"]
