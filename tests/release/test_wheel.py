"""What is published: everything that the source has, and it works where nothing else of this repository is."""

import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
import sample_files

import trusteq

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A wheel and a source archive of this checkout."""
    pytest.importorskip("hatchling", reason="what builds the package is not installed")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=plain_environment())
    wheel, archive = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return next(wheel), next(archive)


def plain_environment():
    """This process's environment without what would let another process find this checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "COV_"))}


def test_the_wheel_holds_every_file_of_the_package_and_no_other(built):
    with zipfile.ZipFile(built[0]) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    written = {
        str(path.relative_to(SOURCE).as_posix())
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == written
    wanted = ["py.typed", "policies/default.yaml", "study/shipped/paper-pi.yaml", "report/page/templates/page.html"]
    assert {f"trusteq/{name}" for name in wanted} <= held


def test_its_description_says_what_pyproject_says(built):
    with zipfile.ZipFile(built[0]) as wheel:
        folder = f"trusteq-{trusteq.__version__}.dist-info"
        about = message_from_string(wheel.read(f"{folder}/METADATA").decode())
        entries = wheel.read(f"{folder}/entry_points.txt").decode()
        assert f"{folder}/licenses/LICENSE" in wheel.namelist()
    assert (about["Name"], about["Version"], about["Requires-Python"]) == ("trusteq", trusteq.__version__, ">=3.11")
    assert about["Description-Content-Type"] == "text/markdown"
    assert {"transformers", "gguf", "onnx", "mlflow", "wandb", "tensorboard"} <= set(about.get_all("Provides-Extra"))
    assert "trusteq = trusteq.cli.main:main" in entries
    assert "trusteq = trusteq.pytest_plugin" in entries


def test_the_source_archive_can_be_tested_by_who_packages_it(built):
    with tarfile.open(built[1]) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "src/trusteq/py.typed", "tests/cases.py"):
        assert name in held, name
    assert not [name for name in held if name.startswith((".git/", "ci/", "bench/")) or name.endswith(".lock")]


@pytest.mark.slow
def test_installed_from_the_wheel_it_audits(built, tmp_path):
    place = tmp_path / "fresh"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    python = next(path for name in ("bin/python", "Scripts/python.exe") if (path := place / name).exists())
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-compile",
        built[0],
    ]
    subprocess.run(pip, check=True, capture_output=True, env=plain_environment())
    # The libraries of this environment, by their folder: its .pth files, which may lead to a checkout, are not read.
    libraries = libraries_here()
    home = next(place.rglob("site-packages"))
    (home / "libraries.pth").write_text(f"{libraries}\n", "utf-8")
    sample_files.write(tmp_path)

    def run(*words):
        command = [python.with_name("trusteq"), *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=plain_environment())

    where = "import trusteq; print(trusteq.__file__)"
    found = subprocess.run([python, "-c", where], capture_output=True, text=True, cwd=tmp_path, env=plain_environment())
    assert Path(found.stdout.strip()).is_relative_to(home)
    assert run("--version").stdout == f"trusteq, version {trusteq.__version__}\n"
    files = ("large.csv", "small.csv", "--label", "label", "--dimensions", "behaviour", "--resamples", "100", "--quiet")
    audited = run("audit", *files)
    assert (audited.returncode, "small is = EQUIVALENT" in audited.stdout) == (0, True), audited.stderr
    page = run("report", "trusteq-run")
    assert (page.returncode, "<html" in (tmp_path / "trusteq-run/report.html").read_text("utf-8")) == (0, True)


def libraries_here():
    """The folder that this environment's libraries lie in."""
    import numpy as np

    return Path(np.__file__).parents[1]
