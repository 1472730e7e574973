"""Columns of a table as pictures: bytes of image files, their paths, or both as Hugging Face stores them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.media_folder import file_named
from trusteq.data.picture import Picture
from trusteq.data.pictures import Pictures
from trusteq.data.table import shown

if TYPE_CHECKING:
    from trusteq.data.table import Table


def picture_column(table: Table, name: str) -> Pictures:
    """The pictures of a column; none is decoded.

    Paths are relative to the folder of the table's file, and must not lead out of it.
    """
    return Pictures(tuple(_picture(table, row, name, value) for row, value in enumerate(table.columns[name])))


def _picture(table: Table, row: int, name: str, value: Any) -> Picture:
    if isinstance(value, Picture):
        return value
    place = table.place(row)
    if isinstance(value, np.ndarray):
        return Picture.of(value, place)
    encoded, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, value)
    known = f"{place}: {path}" if isinstance(path, str) and path else place
    if isinstance(encoded, bytes) and encoded:
        return Picture(encoded, known)
    if isinstance(path, str) and path.strip():
        return Picture(file_named(table, row, name, path), known)
    raise table.error(row, name, f"is not a picture: {shown(value)}; give the bytes of an image file, or its path")
