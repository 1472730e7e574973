"""The house: who may import whom, drawn from the imports themselves."""

import ast
from functools import cache
from pathlib import Path

import pytest

import trusteq

SOURCE = Path(trusteq.__file__).parent
FLOORS = (
    {"errors"},
    {"plugins"},
    {"data", "stats"},
    {"tasks", "progress"},
    {"prompts"},
    {"models"},
    {"work", "comparing"},
    {"explain", "policy"},
    {"verdict"},
    {"record"},
    {"auditing"},
    {"report"},
    {"train", "validity", "releases", "testing", "metrics"},
    {"compress", "view"},
    {"demo"},
    {"study", "shrink", "proposal"},
    {"cli", "pytest_plugin"},
)
"""From the ground up. A room uses rooms on lower floors, never its neighbours or those above."""


@cache
def imports():
    return tuple(_imports())


def _imports():
    """Each import of a room by another while the program runs: who, whom, and where it stands."""
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        tree = ast.parse(path.read_text("utf-8"))
        typing = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            modules = []
            if isinstance(node, ast.ImportFrom) and node.module == "trusteq":
                modules = [f"trusteq.{name.name}" for name in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            elif isinstance(node, ast.Import):
                modules = [name.name for name in node.names]
            for module in modules:
                _, _, other = module.partition("trusteq.")
                other = other.partition(".")[0]
                if module.startswith("trusteq.") and node not in typing and other != room:
                    yield room, other, f"{path.relative_to(SOURCE)}:{node.lineno}"


ROOT = {"__init__", "__main__", "__version__"}


def test_every_room_is_on_a_floor():
    rooms = {path.name.removesuffix(".py") for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - ROOT - {"py.typed", "policies", "__pycache__"} == set().union(*FLOORS)


@pytest.mark.parametrize("floor", range(len(FLOORS)), ids=[" and ".join(sorted(rooms)) for rooms in FLOORS])
def test_no_room_uses_a_neighbour_or_one_above(floor):
    below = set().union(*FLOORS[:floor]) | ROOT
    found = [f"{room} -> {other} at {place}" for room, other, place in imports()
             if room in FLOORS[floor] and other not in below]  # fmt: skip
    assert found == []
