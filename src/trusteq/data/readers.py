"""Where tables come from: the reader of each kind of file, chosen by its name's end; or a data frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trusteq.data import delimited, frame, huggingface, jsonl, parquet
from trusteq.data.table import Table
from trusteq.errors import DataError
from trusteq.plugins import with_plugins

__all__ = ["READERS", "Table", "column_names", "read_table", "readers"]

Reader = Callable[[Path, Sequence[str] | None, int | None], Table]
"""From a path, the columns to keep (None: all) and the most rows to read (0: names only) to a table."""

READERS: dict[str, Reader] = {
    ".parquet": parquet.read,
    ".csv": delimited.read_csv,
    ".csv.gz": delimited.read_csv,
    ".tsv": delimited.read_tsv,
    ".tsv.gz": delimited.read_tsv,
    ".jsonl": jsonl.read,
    ".jsonl.gz": jsonl.read,
    ".ndjson": jsonl.read,
    ".ndjson.gz": jsonl.read,
}
"""trusteq's own readers, by the end of a file's name."""


def readers() -> dict[str, Reader]:
    """The reader of each kind of file, by the end of its name; those of plugins, too."""
    return with_plugins("trusteq.readers", READERS, callable)


def read_table(
    source: str | Path | Any,
    columns: Sequence[str] | None = None,
    *,
    split: str | None = None,
    limit: int | None = None,
    download: bool = False,
) -> Table:
    """The asked-for columns (None: all) of a data file, Hugging Face dataset or data frame; at least one row.

    ``download`` allows to fetch what is on the hub alone.
    """
    table = _read(source, columns, split, limit, download)
    if table.rows == 0:
        raise DataError(f"{table.source}: has columns but no rows; check how the file was written")
    return table


def column_names(source: str | Path | Any, *, split: str | None = None, download: bool = False) -> list[str]:
    """The names of the columns there are; for JSON lines, the keys of the first line."""
    return list(_read(source, None, split, 0, download).columns)


def _read(
    source: str | Path | Any, columns: Sequence[str] | None, split: str | None, limit: int | None, download: bool
) -> Table:
    if frame.is_frame(source):
        if split is not None:
            raise DataError(f"split {split!r} is for Hugging Face datasets; a data frame has no splits")
        return frame.read(source, columns, limit)
    if not isinstance(source, str | Path):
        kind = type(source).__name__
        raise DataError(f"items of type {kind}: give the path of a file, a Hugging Face dataset's name or a data frame")
    return _read_file(source, columns, split, limit, download)


def _read_file(
    path: str | Path, columns: Sequence[str] | None, split: str | None, limit: int | None, download: bool
) -> Table:
    file = Path(path)
    known = readers()
    suffix = next((end for end in sorted(known, key=len, reverse=True) if file.name.lower().endswith(end)), None)
    if suffix is None and _is_hub_id(str(path)) and not download:
        raise DataError(
            f"{path}: no such file or folder; if it is a dataset on the hub, allow to fetch it (--download)"
        )
    if suffix is None and (file.is_dir() or _is_hub_id(str(path))):
        return huggingface.read(str(path), columns, limit, split)
    if not file.exists():
        raise DataError(f"{path}: no such file; check the path (the current folder is {Path.cwd()})")
    if file.is_dir():
        raise DataError(f"{path}: a folder where a {suffix} file is expected; name one file in it")
    if suffix is None:
        raise DataError(f"{path}: no reader for {file.suffix or 'a name without an ending'!r}; use {', '.join(known)}")
    if split is not None:
        raise DataError(f"{path}: --split {split} is for Hugging Face datasets; a {suffix} file has no splits")
    if not file.is_file():
        raise DataError(f"{path}: no file but a pipe or a device; write what it gives to a file")
    if file.stat().st_size == 0:
        raise DataError(f"{path}: empty, 0 bytes; check how the file was written")
    return known[suffix](file, columns, limit)


def _is_hub_id(source: str) -> bool:
    """Whether this can only be ``owner/name`` on the hub; a mistyped path must not reach the network."""
    owner = Path(source).parent
    looks = re.fullmatch(r"[\w-][\w.-]*/[\w.-]+(:[\w.-]+)?", source) is not None
    return looks and not Path(source).exists() and not owner.exists() and not Path(source).suffix[1:].isalpha()
