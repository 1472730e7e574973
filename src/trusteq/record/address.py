"""A run directory at an address that fsspec knows, e.g. s3://bucket/run: uploaded when complete, fetched to be read.

``manifest.json`` is uploaded last, so a run that has one is complete.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from trusteq.errors import RunError
from trusteq.work.folder import RemoteFolder

if TYPE_CHECKING:
    from trusteq.record.audit import Audit

LAST = "manifest.json"
_NAME = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*/)?[A-Za-z0-9_-][A-Za-z0-9._-]*")


def is_address(where: object) -> bool:
    """Whether this is an address such as s3://bucket/run, not a path."""
    return isinstance(where, str) and "://" in where


def free_address(address: str) -> str:
    """The address, if no complete run is there."""
    if RemoteFolder(address).read(LAST) is not None:
        raise RunError(f"{address}: already holds a run; choose another --out or remove it")
    return address


def save_at(audit: Audit, address: str) -> str:
    """Write the run at a free address; returns where."""
    folder = RemoteFolder(free_address(address))
    with tempfile.TemporaryDirectory(prefix="trusteq-") as scratch:
        path = audit.save(Path(scratch) / "run")
        names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
        for name in sorted(names, key=lambda name: name == LAST):
            folder.write(name, (path / name).read_bytes())
    return address


def fetched(address: str) -> Path:
    """A copy of the run at an address, deleted when this process ends."""
    folder = RemoteFolder(address)
    if folder.read(LAST) is None:
        raise RunError(f"{address}: not a run directory (no {LAST})")
    copy = Path(tempfile.mkdtemp(prefix="trusteq-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    for name in folder.names():
        content = folder.read(name) if _NAME.fullmatch(name) else None
        if content is not None:
            (copy / name).parent.mkdir(exist_ok=True)
            (copy / name).write_bytes(content)
    return copy
