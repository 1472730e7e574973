"""Columns that name the rows of a file: told by what they are called, and by naming every row apart."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from trusteq.data.table import Table

    Read = Callable[[Sequence[str]], Table]

_OWN = re.compile(r"(item|example|sample|instance|record|row)?(id|uid|uuid|guid)")
"""An item's own id, whatever the case and the signs between words: "ID", "uid", "Example-ID"."""
_OTHER = re.compile(r".*[\W_](?i:id|uid|uuid|guid)|.*[a-z](ID|Id|UID|UUID|GUID)")
"""The id of something, which may be the item or what many items share: "tweet_id", "promptID"."""
_NUMBERS = re.compile(r"|(?i:(.*[\W_])?(index|idx)|Unnamed: \d+|__index_level_\d+__)")
"""Row numbers, as pandas writes them beside the data; ids where they are no longer in order."""


def names_rows(name: str) -> bool:
    """Whether a column of this name tells rows apart or counts them, so that its numbers are no label's scores."""
    return any(pattern.fullmatch(name) for pattern in (_OTHER, _NUMBERS)) or _is_own(name)


def read_with_ids(
    read: Read, wanted: Sequence[str], names: Collection[str], optional: Sequence[str] = ()
) -> tuple[Table, str | None]:
    """The wanted columns and what can be read of the optional ones; and which of ``names`` holds the rows' ids, if any.

    A column called "id" does, in any case, and what is called an item's id; else the first that is called an id and is
    different in every row. Row numbers are ids where they do not rise from row to row.
    """
    own = sorted((name for name in names if _is_own(name)), key=lambda name: (name != "id", name.lower() != "id"))[:1]
    likely = [] if own else sorted(filter(names_rows, names), key=lambda name: bool(_NUMBERS.fullmatch(name)))
    table = _read(read, [*wanted, *own], likely, optional)
    told = (name for name in likely if name in table.columns and _tells_apart(table, name))
    return table, next(iter(own), next(told, None))


def _read(read: Read, wanted: Sequence[str], *optional: Sequence[str]) -> Table:
    """All columns; without the last of the optional ones where they cannot be read, for nobody named those."""
    try:
        return read(list(dict.fromkeys([*wanted, *chain(*optional)])))
    except DataError:
        if not any(optional):
            raise
        return _read(read, wanted, *optional[:-1])


def _is_own(name: str) -> bool:
    return _OWN.fullmatch(re.sub(r"[\W_]", "", name).lower()) is not None


def _tells_apart(table: Table, name: str) -> bool:
    """Whether the column has another value in every row, and does not just count them."""
    try:
        texts = table.texts(name)
    except DataError:
        return False
    if len(set(texts)) < len(texts):
        return False
    if not _NUMBERS.fullmatch(name):
        return True
    try:
        return bool((np.diff(np.array(texts, dtype=np.float64)) <= 0).any())
    except ValueError:
        return True
