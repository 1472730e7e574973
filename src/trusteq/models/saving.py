"""A classifier of transformers on disk: the same module gives the same bytes."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from trusteq.models.library_output import quiet_transformers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def save_checkpoint(model: Any, folder: Path, others: Iterable[Path]) -> None:
    """A torch module as transformers saves it, with copies of other files; the same module gives the same bytes."""
    with quiet_transformers():
        model.save_pretrained(folder)
    for file in folder.glob("*.safetensors"):
        _sort_metadata(file)
    for file in others:
        shutil.copyfile(file, folder / file.name)


def _sort_metadata(file: Path) -> None:
    """The metadata of a safetensors file in the order of its keys; safetensors writes it in another one each time."""
    with file.open("r+b") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))
        header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
        written = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
        if len(written) == length:  # else it was written in another style, and stays as it is
            stream.seek(8)
            stream.write(written)
