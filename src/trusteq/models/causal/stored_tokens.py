"""A reference's most probable tokens in files, one for each chunk of a text, so that candidates can be read later.

A file is named after what decides its content, begins with a hash of the rest, and is mapped into memory when read.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import uuid
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trusteq.errors import ModelError
from trusteq.models.causal.top_tokens import TopTokens, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.models.causal.chunks import Chunk

HASH = 32
"""Bytes of the hash that a file begins with."""


class StoredTokens:
    """The k most probable tokens of a vocabulary, as stored in a folder for the reference of this content.

    folder: None for a temporary one, which is deleted with this object.
    """

    def __init__(self, folder: str | None, *, content: str, vocabulary: int, k: int) -> None:
        if folder is None:
            folder = tempfile.mkdtemp(prefix="trusteq-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)  # now, so that other processes find it
        except OSError as error:
            raise self._unusable(error) from None
        self.content = content
        self.k = k
        self.record = record(vocabulary, k)

    def write(self, text: str, chunk: Chunk, found: Callable[[], TopTokens]) -> None:
        """Store what is found at a chunk's positions, unless there is a file already."""
        file = self._file(text, chunk)
        if file.is_file():
            return
        top = found()
        rows = np.empty(len(top), dtype=self.record)
        rows["ids"], rows["steps"], rows["tail"] = top.ids, top.steps, top.tail
        content = rows.tobytes()
        draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}.part")
        try:
            try:
                draft.write_bytes(hashlib.sha256(content).digest() + content)
                draft.replace(file)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from None

    def read(self, text: str, chunk: Chunk) -> TopTokens | None:
        """What is kept of a text's chunk; None if there is no file, or it is damaged, and then removed."""
        file = self._file(text, chunk)
        try:
            expected = _beginning(file)
            rows = np.memmap(file, dtype=self.record, mode="r", offset=HASH)
        except (OSError, ValueError):
            rows, expected = None, b""
        if rows is None or len(rows) != len(chunk.length) or hashlib.sha256(rows.tobytes()).digest() != expected:
            with suppress(OSError):
                file.unlink(missing_ok=True)
            return None
        return TopTokens(rows["ids"], rows["steps"], rows["tail"])

    def _unusable(self, error: OSError) -> ModelError:
        return ModelError(
            f"{self.folder}: the reference's most probable tokens cannot be stored there ({error.strerror or error}); "
            "free some space, or name another folder with --work"
        )

    def _file(self, text: str, chunk: Chunk) -> Path:
        """Its text is part of the name, so that tokens which the reference reads in another text are not found."""
        import torch  # sums depend on the number of threads

        facts = [self.content, self.k, torch.get_num_threads(), text, chunk.ids.tolist()]
        return self.folder / f"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()}.tokens"


def _beginning(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(HASH)
