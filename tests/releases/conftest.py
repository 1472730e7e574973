"""Runs to look back on, made once."""

import made_up_releases
import pytest

from trusteq.releases.history import history
from trusteq.releases.release import read_releases


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    return made_up_releases.write(tmp_path_factory.mktemp("releases"))


@pytest.fixture(scope="package")
def releases(folder):
    found, left_out = read_releases([str(folder)])
    assert left_out == []
    return found


@pytest.fixture(scope="package")
def through(releases):
    """The history of all runs."""
    return history(releases)


@pytest.fixture
def track(through):
    """That of the candidate that every run has."""
    (found,) = (track for track in through.tracks if track.name == "small")
    return found
