"""The beginning of a GGUF file: its magic, the version of its format, and how many tensors it holds."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"GGUF"
HEADER = struct.Struct("<4sIQQ")
"""Magic, version, tensors, entries of metadata; before version 2 the counts had 32 bits."""


def is_gguf(path: Path) -> bool:
    """Whether this is a file with GGUF's ending."""
    return path.suffix.lower() == ".gguf" and path.is_file()


def tensor_count(file: Path) -> int:
    """How many tensors the file says that it holds; a ValueError if it is not a GGUF file that can be read."""
    with file.open("rb") as stream:
        start = stream.read(HEADER.size)
    if len(start) < HEADER.size or not start.startswith(MAGIC):
        raise ValueError("it does not begin as a GGUF file does")
    _, version, tensors, _ = HEADER.unpack(start)
    if version not in (2, 3):
        raise ValueError(f"it has version {version} of the format; only 2 and 3 can be read")
    return int(tensors)
