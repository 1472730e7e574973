"""A stand-in for setuptools that neither builds nor runs anything of a source distribution.

To download a source distribution, pip insists on its metadata, for which it runs the project's setup.py through
setuptools. The demo only needs the archive. So pip is given this in place of setuptools: it returns the metadata that
the archive already holds.
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
        metadata = Path("PKG-INFO").read_bytes()
        name, version = (message_from_bytes(metadata)[field].replace("-", "_") for field in ("Name", "Version"))
        folder = Path(metadata_directory, f"{name}-{version}.dist-info")
        folder.mkdir()
        (folder / "METADATA").write_bytes(metadata)
        return folder.name


__legacy__ = Unbuilt()
"""


def write_backend(folder: Path) -> None:
    """Write the stand-in package to this folder, which must then come first on PYTHONPATH."""
    (folder / "setuptools").mkdir(parents=True)
    (folder / "setuptools" / "__init__.py").touch()
    (folder / "setuptools" / "build_meta.py").write_text(BACKEND, "utf-8")
