"""Content hashes of files and folders, independent of their names and times of writing."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PIECE_BYTES = 2**20
PIECE_TEXTS = 100_000


def content_hash(path: str | Path) -> str:
    """SHA-256 in hex: of a file's bytes, or of the names and bytes of a folder's files, in sorted order."""
    root = Path(path)
    digest = hashlib.sha256()
    try:
        if not root.is_dir():
            for piece in _pieces(root):
                digest.update(piece)
            return digest.hexdigest()
        files = {file.relative_to(root).as_posix(): file for file in root.rglob("*") if file.is_file()}
        if not files:
            raise DataError(f"{path}: a folder without files; there is nothing to hash")
        for name in sorted(files):
            # Each file adds two hashes of fixed length, so that no other folder gives the same bytes.
            digest.update(hashlib.sha256(os.fsencode(name)).digest())
            content = hashlib.sha256()
            for piece in _pieces(files[name]):
                content.update(piece)
            digest.update(content.digest())
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); check the path and its permissions"
        ) from None
    return digest.hexdigest()


def update_with(digest: hashlib._Hash, value: Any) -> None:
    """Add a Python value to a hash: arrays and lists with all their values, others as their type and text."""
    if isinstance(value, np.ndarray):
        digest.update(f"array {value.dtype.str} {value.shape}\x00".encode())
        if not value.dtype.hasobject:
            digest.update(np.ascontiguousarray(value).tobytes())
            return
        value = value.ravel().tolist()
    if isinstance(value, list | tuple):
        digest.update(f"{type(value).__name__} {len(value)}\x00".encode())
        for part in value:
            update_with(digest, part)
        return
    with np.printoptions(threshold=sys.maxsize):  # also of an array inside
        encoded = f"{type(value).__name__} {value}".encode("utf-8", "surrogatepass")
    digest.update(len(encoded).to_bytes(8, "little") + encoded)


def packed(texts: Sequence[str]) -> bytes:
    """All texts, each as its length in 8 bytes and its bytes: different lists of texts have different bytes.

    Vectorized: a loop over texts takes ten times as long, and longer than the hash itself.
    """
    encoded = list(map(str.encode, texts))
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    ends = np.concatenate([[0], np.cumsum(lengths)])
    packed_bytes = np.empty(int(ends[-1]) + 8 * len(texts), np.uint8)
    length_bytes = (ends[:-1] + 8 * np.arange(len(texts)))[:, None] + np.arange(8)
    is_text = np.ones(len(packed_bytes), np.bool_)
    is_text[length_bytes] = False
    packed_bytes[length_bytes] = lengths.astype("<i8").view(np.uint8).reshape(-1, 8)
    packed_bytes[is_text] = np.frombuffer(b"".join(encoded), np.uint8)
    return packed_bytes.tobytes()


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece
