"""Files read out of a wheel, zip or tar, only those requested by name: no path in an archive is ever written to."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def read_files(archive: BinaryIO, inside: Sequence[str], names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Each name and its bytes, from the folder ``inside[-1]`` of the archive that the earlier names lead to.

    Raises KeyError for a missing file, and the errors of zipfile and tarfile for something that is not an archive.
    """
    *outer, folder = inside
    for name in outer:
        archive = io.BytesIO(_read(archive, name))
    for name in names:
        yield name, _read(archive, folder + name)


def _read(archive: BinaryIO, name: str) -> bytes:
    archive.seek(0)
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as members:
            return members.read(name)
    archive.seek(0)
    with tarfile.open(fileobj=archive) as members:
        member = members.getmember(name)
        stream = members.extractfile(member) if member.isfile() else None
        if stream is None:
            raise KeyError(f"{name} is not a regular file")
        return stream.read()
