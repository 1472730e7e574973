"""Saving a transformers model: the same module gives the same bytes."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trusteq.models.library_output import quiet_transformers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def save_checkpoint(model: Any, folder: Path, others: Iterable[Path]) -> None:
    """Save a torch module in transformers' format, with copies of other files; the same module gives the same bytes."""
    with quiet_transformers(), os_errors():
        model.save_pretrained(folder)
    for file in folder.glob("*.safetensors"):
        _sort_metadata(file)
    for file in others:
        shutil.copyfile(file, folder / file.name)


@contextmanager
def os_errors() -> Iterator[None]:
    """Within the context, an error of safetensors, which has its own for a full disk, is an OSError."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        raise OSError(str(error)) from error


def _sort_metadata(file: Path) -> None:
    """Sort a safetensors file's metadata by key; safetensors writes it in a different order each time."""
    with file.open("r+b") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))
        header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
        content = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
        if len(content) == length:  # otherwise it has another format, and is left as it is
            stream.seek(8)
            stream.write(content)
