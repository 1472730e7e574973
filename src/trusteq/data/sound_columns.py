"""Columns of a table as sounds, or as features of sounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.features import Features
from trusteq.data.sounds import Sounds
from trusteq.data.table import shown

if TYPE_CHECKING:
    from trusteq.data.sounds import Channels
    from trusteq.data.table import Table


def sound_column(table: Table, name: str, *, rate: int | None = None, channels: Channels = "one") -> Sounds:
    """The recordings of a column that holds bytes, paths, or both as Hugging Face stores them: {bytes, path}.

    Paths are relative to the folder of the table's file.
    """
    folder = Path(table.source).parent
    sources: list[Any] = []
    names = []
    for row, value in enumerate(table.values(name)):
        encoded, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, value)
        if isinstance(encoded, bytes) and encoded:
            sources.append(encoded)
        elif isinstance(path, str) and path:
            sources.append(folder / path)
            if not sources[-1].is_file():
                raise table.error(row, name, f"names {path!r}, but there is no such file in {folder}")
        else:
            raise table.error(
                row, name, f"is not a recording: {shown(value)}; give the bytes of a file, or its path from {folder}"
            )
        called = f" ({path})" if isinstance(path, str) and path else ""
        names.append(f"{table.source}: {table.place(row)}: column {name!r}{called}")
    return Sounds.of(sources, rate=rate, channels=channels, names=names)


def feature_column(table: Table, name: str) -> Features:
    """The features of a column of lists of lists of numbers, all of the same size."""
    column = table.columns[name]
    if not isinstance(column, np.ndarray) or column.ndim != 3:
        first = table.values(name)[0]
        raise table.error(
            0, name, f"is not a table of features: {shown(first)}; give lists of numbers for each time, equally long"
        )
    return Features(column)
