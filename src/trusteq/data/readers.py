"""Tables from files, by the suffix of their name, from Hugging Face datasets, from data frames and from tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trusteq.data import delimited, frame, huggingface, jsonl, media_folder, parquet
from trusteq.data.media_folder import medium_of
from trusteq.data.table import Table
from trusteq.errors import DataError
from trusteq.plugins import with_plugins

__all__ = ["READERS", "Table", "column_names", "is_table", "read_table", "readers"]

Reader = Callable[[Path, Sequence[str] | None, int | None], Table]
"""Takes a path, the columns to read (None: all) and the maximum number of rows (0: names only); returns a table."""

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
"""trusteq's own readers, by file suffix."""


def readers() -> dict[str, Reader]:
    """The reader of each kind of file, by its suffix, including those of plugins."""
    return with_plugins("trusteq.readers", READERS, callable)


def read_table(
    source: str | Path | Any,
    columns: Sequence[str] | None = None,
    *,
    split: str | None = None,
    limit: int | None = None,
    download: bool = False,
) -> Table:
    """The requested columns (None: all) of a data file, Hugging Face dataset or data frame; at least one row.

    ``download`` allows downloading from the hub.
    """
    table = _read(source, columns, split, limit, download)
    if table.rows == 0:
        raise DataError(f"{table.source}: has columns but no rows; check how the file was written")
    return table


def column_names(source: str | Path | Any, *, split: str | None = None, download: bool = False) -> list[str]:
    """The names of all columns; for JSON lines, the keys of the first line."""
    return list(_read(source, None, split, 0, download).columns)


def _read(
    source: str | Path | Any, columns: Sequence[str] | None, split: str | None, limit: int | None, download: bool
) -> Table:
    if huggingface.is_dataset(source):
        return huggingface.read(source, columns, limit, split)
    if is_table(source):
        if split is not None:
            raise DataError(f"split {split!r} is for Hugging Face datasets; a data frame has no splits")
        return _read_table(source, columns, limit)
    if not isinstance(source, str | Path):
        kind = type(source).__name__
        raise DataError(
            f"items of type {kind}: give a file's path, a Hugging Face dataset or its name, or a data frame of pandas "
            "or polars"
        )
    return _read_file(source, columns, split, limit, download)


def is_table(source: object) -> bool:
    """Whether this is a table in memory: a data frame, a Hugging Face dataset, or what `read_table` returns."""
    kinds = (frame.is_frame, frame.is_arrow, huggingface.is_dataset)
    return isinstance(source, Table) or any(is_kind(source) for is_kind in kinds)


def _read_table(source: Any, columns: Sequence[str] | None, limit: int | None) -> Table:
    if isinstance(source, Table):
        return source.part(columns, limit)
    read = frame.read if frame.is_frame(source) else frame.read_arrow
    return read(source, columns, limit)


def _read_file(
    path: str | Path, columns: Sequence[str] | None, split: str | None, limit: int | None, download: bool
) -> Table:
    file = Path(path)
    by_suffix = readers()
    longest_first = sorted(by_suffix, key=len, reverse=True)
    suffix = next((suffix for suffix in longest_first if file.name.lower().endswith(suffix)), None)
    if suffix is None and _is_hub_id(str(path)) and not download:
        raise DataError(
            f"{path}: no such file or folder; if it is a dataset on the hub, allow its download (--download)"
        )
    if suffix is None and medium_of(file, split) is not None:
        return media_folder.read(file, columns, limit, split)
    if suffix is None and file.is_dir() and not any(part.is_file() for part in file.rglob("*")):
        raise DataError(f"{path}: an empty folder; give one that holds pictures, sounds or a dataset, or a data file")
    if suffix is None and (file.is_dir() or _is_hub_id(str(path))):
        return huggingface.read(str(path), columns, limit, split)
    if not file.exists():
        raise DataError(f"{path}: no such file; check the path (the current folder is {Path.cwd()})")
    if file.is_dir():
        raise DataError(f"{path}: a folder where a {suffix} file is expected; name one file in it")
    if suffix is None:
        ending = file.suffix or "a name without a suffix"
        raise DataError(f"{path}: no reader for {ending!r}; use {', '.join(by_suffix)}")
    if split is not None:
        raise DataError(f"{path}: --split {split} is for Hugging Face datasets; a {suffix} file has no splits")
    if not file.is_file():
        raise DataError(f"{path}: a pipe or a device, not a file; save its output to a file first")
    if file.stat().st_size == 0:
        raise DataError(f"{path}: empty, 0 bytes; check how the file was written")
    return by_suffix[suffix](file, columns, limit)


def _is_hub_id(source: str) -> bool:
    """Whether this can only be ``owner/name`` on the hub; a mistyped path must not reach the network."""
    owner = Path(source).parent
    matches = re.fullmatch(r"[\w-][\w.-]*/[\w.-]+(:[\w.-]+)?", source) is not None
    return matches and not Path(source).exists() and not owner.exists() and not Path(source).suffix[1:].isalpha()
