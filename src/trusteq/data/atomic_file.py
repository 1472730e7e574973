"""Files written completely or not at all, and only inside the named folder: links out of it are never followed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from trusteq.errors import RunError


def write_atomically(path: Path, content: str | bytes, *, otherwise: str = "choose another --out") -> None:
    """Write the file completely, or leave the old one; one clear line if it cannot be written.

    otherwise: what a user can do then.
    """
    content = content.encode() if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)  # a device or a pipe, which cannot be replaced
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
        raise RunError(f"{path}: cannot be written ({error.strerror or error}); {otherwise}") from None


def refuse_links_out(folder: Path) -> None:
    """Nothing, or an error about the first link in a folder that leads out of it, and that writing would follow."""
    for parent, folders, files in os.walk(folder):
        for name in sorted((*folders, *files)):
            _refuse_link_out(Path(parent) / name, folder)


def refuse_link(folder: Path) -> None:
    """Nothing, or an error if a folder that trusteq names itself is a link, or has one in it that leads out."""
    if folder.is_symlink():
        raise RunError(f"{folder}: is a symbolic link (to {folder.readlink()}); remove it, or choose another --out")
    refuse_links_out(folder)


def _refuse_link_out(path: Path, folder: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise RunError(
            f"{path}: a link that leads out of {folder}, to {path.resolve()}; remove it, or choose another --out"
        )
