"""A version is published only when everything that names it does."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from floors import PAGE, drawing
from released import hindrances

import trusteq

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ready(tmp_path):
    """A checkout of version 1.2.3, ready to be published."""
    for name, text in {
        "src/trusteq/__init__.py": '__version__ = "1.2.3"\n',
        "CHANGELOG.md": "# Changelog\n\n## 1.2.3 (2030-01-02)\n",
        "CITATION.cff": "cff-version: 1.2.0\nversion: 1.2.3\n",
        "changes/README.md": "News\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_what_is_ready_is_published(ready):
    assert hindrances("v1.2.3", ready) == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("src/trusteq/__init__.py", '__version__ = "1.2.4"\n', "__init__.py says 1.2.4"),
        ("CHANGELOG.md", "## 1.2.3 (unreleased)\n", "no section 1.2.3 with a day"),
        ("CITATION.cff", "version: 1.2.2\n", "CITATION.cff is not of version 1.2.3"),
        ("changes/new.added.md", "New.\n", "still has news, such as new.added.md"),
    ],
)
def test_what_is_not_ready_is_said(ready, name, text, said):
    (ready / name).write_text(text, "utf-8")
    assert [said in line for line in hindrances("v1.2.3", ready)] == [True]


def test_this_version_is_cited():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert (cited["cff-version"], cited["version"], cited["license"]) == ("1.2.0", trusteq.__version__, "Apache-2.0")
    assert {"message", "title", "authors"} <= set(cited)


def test_every_workflow_asks_for_little_and_runs_what_is_there():
    targets = (ROOT / "Makefile").read_text("utf-8")
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text("utf-8"))
        assert workflow["permissions"] == {"contents": "read"}, path.name
        for name, job in workflow["jobs"].items():
            assert "timeout-minutes" in job, (path.name, name)
            for step in job["steps"]:
                assert ("uses" in step) != ("run" in step), (path.name, name)
                words = step.get("run", "").split()
                for target in words[1:] if words[:1] == ["make"] else []:
                    assert f"\n{target}:" in targets, (path.name, target)
                if words[:1] == ["bash"]:
                    assert (ROOT / words[1]).is_file()


def test_packages_are_published_by_identity_and_without_a_password():
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))["jobs"]
    publish = jobs["publish"]
    assert (publish["permissions"], publish["environment"]) == ({"id-token": "write"}, "release")
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text("utf-8")
    assert [name for name, job in jobs.items() if "needs" not in job] == ["build"]


def test_every_python_that_the_package_names_is_tried():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    tried = set(workflow["jobs"]["quick"]["strategy"]["matrix"]["python"])
    named = [line for line in (ROOT / "pyproject.toml").read_text("utf-8").splitlines() if "Python :: 3." in line]
    assert {line.rpartition(" :: ")[2].strip('",') for line in named} == tried


def test_make_help_lists_the_targets_that_people_type():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in makefile.partition(".PHONY:")[2].partition("\n")[0].split():
        if target not in ("locked", "clean"):
            assert f"\n{target}:" in makefile, target
            line = next(line for line in makefile.splitlines() if line.startswith(f"{target}:"))
            assert "  ## " in line, target


def test_the_drawn_floors_are_those_that_the_imports_are_held_to():
    assert drawing() in PAGE.read_text("utf-8"), "draw them anew: python ci/floors.py"


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_help_can_be_read():
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "make demo" in shown
    assert "make dist" in shown
    assert "##" not in shown
