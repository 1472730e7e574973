"""An extra installs what the program uses, and what the program asks people to install is an extra."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
SOURCE = [node for file in sorted((ROOT / "src").rglob("*.py")) for node in ast.walk(ast.parse(file.read_bytes()))]


def test_the_extras_are_those_that_errors_tell_people_to_install():
    told = {
        node.args[1].value
        for node in SOURCE
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "MissingExtraError"
        and len(node.args) > 1
    }
    assert told == set(EXTRAS)


def test_of_each_extra_something_is_imported():
    imported = {
        name.partition(".")[0]
        for node in SOURCE
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    for extra, requirements in EXTRAS.items():
        packages = {re.match(r"[\w-]+", requirement)[0].replace("-", "_") for requirement in requirements}
        assert packages & imported, extra
