"""Columns of a table as sounds, or as features of sounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.features import Features
from trusteq.data.media_folder import file_named
from trusteq.data.sounds import Sounds
from trusteq.data.table import shown

if TYPE_CHECKING:
    from pathlib import Path

    from trusteq.data.sounds import Channels
    from trusteq.data.table import Table


def sound_column(table: Table, name: str, *, rate: int | None = None, channels: Channels = "one") -> Sounds:
    """The recordings of a column; only the first is decoded, for its sample rate if none is stated.

    Cells are bytes of sound files, their paths, or both as Hugging Face stores them. Paths are relative to the folder
    of the table's file, and must not lead out of it.
    """
    values = [_file(table, row, name, value) for row, value in enumerate(table.values(name))]
    return Sounds.of(
        (source for source, _ in values), rate=rate, channels=channels, names=[called for _, called in values]
    )


def _file(table: Table, row: int, name: str, value: Any) -> tuple[bytes | Path, str]:
    """The bytes or path of a recording, and what messages call it."""
    encoded, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, value)
    place = table.place(row)
    known = f"{place}: {path}" if isinstance(path, str) and path else place
    if isinstance(encoded, bytes) and encoded:
        return encoded, known
    if isinstance(path, str) and path.strip():
        return file_named(table, row, name, path), known
    raise table.error(row, name, f"is not a recording: {shown(value)}; give the bytes of a sound file, or its path")


def feature_column(table: Table, name: str) -> Features:
    """The features of a column of lists of lists of numbers, all of the same size."""
    column = table.columns[name]
    if not isinstance(column, np.ndarray) or column.ndim != 3:
        first = table.values(name)[0]
        raise table.error(
            0, name, f"is not a table of features: {shown(first)}; give lists of numbers for each time, equally long"
        )
    return Features(column)
