"""A file written whole, or not at all."""

from __future__ import annotations

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
        with tempfile.TemporaryDirectory(prefix=".trusteq-", dir=path.resolve().parent) as scratch:
            draft = Path(scratch) / "written"
            draft.write_bytes(content)
            if path.is_file():
                draft.chmod(path.stat().st_mode)
            draft.replace(path.resolve())
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror or error}); choose another --out") from None
