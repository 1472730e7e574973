"""What CI installs is what constraints.txt says, every file of it by its hash."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def pinned(line):
    name, version = re.fullmatch(r"([A-Za-z0-9._-]+)==(\S+)", line).groups()
    return re.sub(r"[-_.]+", "-", name).lower(), version


def test_the_lock_holds_the_constraints_and_what_builds_the_package():
    constraints = dict(pinned(line) for line in (ROOT / "constraints.txt").read_text().split())
    entries = (ROOT / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
    locked = {}
    for entry in (line for line in entries if line.strip() and not line.startswith("#")):
        requirement, *hashes = entry.split()
        name, version = pinned(requirement)
        assert name not in locked
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), entry
        locked[name] = version
    assert {name: locked.get(name) for name in constraints} == constraints
    assert set(locked) - set(constraints) == {"editables", "setuptools"}
