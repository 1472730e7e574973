"""The error of a command whose model reads texts, where nobody said in which columns they are."""

from __future__ import annotations

from pathlib import Path

import click

from trusteq.data.label_sets import enumerated
from trusteq.errors import TrusteqError


def unnamed_texts(model: str, data: str | None) -> click.UsageError:
    """The error, with the columns that a file of items has."""
    return click.UsageError(
        f"model {model} reads texts; name their columns with --text, in the model's order{_columns(data)}"
    )


def _columns(data: str | None) -> str:
    """The columns to choose from; nothing where they cannot be seen at once."""
    from trusteq.data.readers import read_table

    if data is None or not Path(data).expanduser().is_file():
        return ""
    try:
        names = read_table(data).columns
    except TrusteqError:
        return ""  # what is wrong with the file is said once its columns are named
    return f": {data} has {enumerated([repr(name) for name in names])}"
