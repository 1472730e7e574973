"""A stand-in for the program that builds a source distribution, which builds nothing and runs nothing of it.

pip downloads a source distribution only together with its metadata, for which it runs the project's setup.py through
setuptools. All that the demo wants is the archive. So pip finds this in the place of setuptools: it hands over the
metadata that the archive has already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BACKEND = """\
from email import message_from_bytes
from pathlib import Path


class Unbuilt:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        told = Path("PKG-INFO").read_bytes()
        name, version = (message_from_bytes(told)[field].replace("-", "_") for field in ("Name", "Version"))
        folder = Path(metadata_directory, f"{name}-{version}.dist-info")
        folder.mkdir()
        (folder / "METADATA").write_bytes(told)
        return folder.name


__legacy__ = Unbuilt()
"""


def write_backend(folder: Path) -> None:
    """Write the package to this folder, which is then to be the first on PYTHONPATH."""
    (folder / "setuptools").mkdir(parents=True)
    (folder / "setuptools" / "__init__.py").touch()
    (folder / "setuptools" / "build_meta.py").write_text(BACKEND, "utf-8")
