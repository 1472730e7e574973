"""A server of a few runs."""

from __future__ import annotations

import os
import shutil

import made_up_releases
import pytest
from served_runs import served


@pytest.fixture(scope="package")
def made(tmp_path_factory):
    """Two runs, an hour apart, and a damaged one; not to be changed."""
    folder = tmp_path_factory.mktemp("viewed")
    made_up_releases.audited(folder / "1.0", noise=1.5)
    made_up_releases.audited(folder / "1.1", noise=0.01)
    shutil.copytree(folder / "1.0", folder / "below/damaged")
    (folder / "below/damaged/flips.parquet").unlink()
    for hour, name in enumerate(("below/damaged", "1.0", "1.1")):
        os.utime(folder / name / "manifest.json", (1_800_000_000 + 3600 * hour,) * 2)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy of them."""
    return shutil.copytree(made, tmp_path / "runs")


@pytest.fixture(scope="package")
def ask(made):
    with served(made) as asked:
        yield asked
