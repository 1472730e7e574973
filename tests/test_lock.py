"""What CI, the site and MLflow's server install is what their lists say, every file of it by its hash."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = {
    "requirements.lock": ("constraints.txt", {"editables", "setuptools"}),
    "ci/docs.lock": ("ci/docs.txt", set()),
    "ci/mlflow-server.lock": ("ci/mlflow-server.txt", set()),
}
"""Each lock, the versions that it was made of, and what is in it besides."""


def pinned(line):
    name, version = re.fullmatch(r"([A-Za-z0-9._-]+)==(\S+)", line).groups()
    return normal(name), version


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def versions(path):
    return dict(pinned(line) for line in (ROOT / path).read_text("utf-8").split())


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_the_constraints_and_what_builds_the_package(lock):
    of, besides = LOCKS[lock]
    constraints = versions(of)
    entries = (ROOT / lock).read_text("utf-8").replace("\\\n", " ").splitlines()
    locked = {}
    for entry in (line for line in entries if line.strip() and not line.startswith("#")):
        requirement, *hashes = entry.split()
        name, version = pinned(requirement)
        assert name not in locked
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), entry
        locked[name] = version
    assert {name: locked.get(name) for name in constraints} == constraints
    assert set(locked) - set(constraints) == besides


def test_every_package_that_the_project_asks_for_is_in_a_lock():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    groups = project["dependency-groups"]
    tools = [*groups["test"], *(one for one in groups["dev"] if isinstance(one, str))]
    asked = [*project["project"]["dependencies"], *(one for extra in extras for one in extra), *tools]
    held = versions("constraints.txt")
    # wandb asks for packages that have had no release yet.
    assert {normal(re.match(r"[\w.-]+", one).group()) for one in asked} - set(held) == {"wandb"}
    site = versions("ci/docs.txt")
    assert {normal(re.match(r"[\w.-]+", one).group()) for one in groups["docs"]} - set(site) == set()


def test_what_mlflow_s_server_has_of_its_own_is_nowhere_else():
    assert not set(versions("ci/mlflow-server.txt")) & set(versions("constraints.txt"))
