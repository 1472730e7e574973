"""An extra installs what the program uses, and what the program asks people to install is an extra."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
SOURCE = "\n".join(file.read_text("utf-8") for file in (ROOT / "src").rglob("*.py"))


def test_the_extras_are_those_that_errors_tell_people_to_install():
    assert set(re.findall(r"""MissingExtraError\(f?".*", "(\w+)"\)""", SOURCE)) == set(EXTRAS)


IMPORTED_AS = {"pillow": "PIL", "scikit_image": "skimage", "mlflow_skinny": "mlflow"}


def test_of_each_extra_something_is_imported():
    imported = set(re.findall(r"^ *(?:import|from) (\w+)", SOURCE, re.MULTILINE))
    for extra, requirements in EXTRAS.items():
        packages = {re.match(r"[\w-]+", requirement)[0].replace("-", "_") for requirement in requirements}
        assert {IMPORTED_AS.get(package, package) for package in packages} & imported, extra
