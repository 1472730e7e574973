"""A file written whole, or not at all, and in the folder that was named: never where a link leads."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from trusteq.errors import RunError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write the file, or leave what is there; one clear line where it cannot be written."""
    content = content.encode() if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)  # a device or a pipe: nothing to be renamed
            return
        if path.is_dir():
            raise IsADirectoryError(21, "is a directory")
        _refuse_link_out(path, path.parent)
        with tempfile.TemporaryDirectory(prefix=".trusteq-", dir=path.resolve().parent) as scratch:
            draft = Path(scratch) / "written"
            draft.write_bytes(content)
            if path.is_file():
                draft.chmod(path.stat().st_mode)
            draft.replace(path.resolve())
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror or error}); choose another --out") from None


def refuse_links_out(folder: Path) -> None:
    """Nothing, or the error about the first link in a folder that leads out of it, where writing would follow it."""
    for parent, folders, files in os.walk(folder):
        for name in sorted((*folders, *files)):
            _refuse_link_out(Path(parent) / name, folder)


def refuse_link(folder: Path) -> None:
    """Nothing, or the error that says that a folder we name ourselves is a link, or has one in it that leads out."""
    if folder.is_symlink():
        raise RunError(f"{folder}: is a symbolic link (to {folder.readlink()}); remove it, or choose another --out")
    refuse_links_out(folder)


def _refuse_link_out(path: Path, folder: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise RunError(
            f"{path}: a link that leads out of {folder}, to {path.resolve()}; remove it, or choose another --out"
        )
