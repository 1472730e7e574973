"""Id columns: recognised by their name, and by a different value in every row."""

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

_EXACT = re.compile(r"(item|example|sample|instance|record|row)?(id|uid|uuid|guid)")
"""The id of an item, in any case and with any punctuation: "ID", "uid", "Example-ID"."""
_SIMILAR = re.compile(r".*[\W_](?i:id|uid|uuid|guid)|.*[a-z](ID|Id|UID|UUID|GUID)")
"""An id that may be the item's, or shared by many items: "tweet_id", "promptID"."""
_NUMBERS = re.compile(r"|(?i:(.*[\W_])?(index|idx)|Unnamed: \d+|__index_level_\d+__)")
"""Row numbers, as pandas writes them; they are ids if they no longer count the rows: some are missing, or moved."""


def names_rows(name: str) -> bool:
    """Whether a column of this name identifies or counts rows, so that its numbers are not scores of a label."""
    return any(pattern.fullmatch(name) for pattern in (_SIMILAR, _NUMBERS)) or _is_exact(name)


def read_with_ids(
    read: Read, columns: Sequence[str], names: Collection[str], optional: Sequence[str] = ()
) -> tuple[Table, str | None]:
    """The columns, and the optional ones that can be read; and which of ``names`` holds the rows' ids, or None.

    A column named "id" or as an item's id (in any case) always does; else the first whose name looks like an id and
    whose values are all different. Row numbers are ids only if they do not just count the rows.
    """
    exact = sorted(filter(_is_exact, names), key=lambda name: (name != "id", name.lower() != "id"))[:1]
    likely = [] if exact else sorted(filter(names_rows, names), key=lambda name: bool(_NUMBERS.fullmatch(name)))
    table = _read(read, [*columns, *exact], likely, optional)
    distinct = (name for name in likely if name in table.columns and _identifies_rows(table, name))
    return table, next(iter(exact), next(distinct, None))


def _read(read: Read, columns: Sequence[str], *optional: Sequence[str]) -> Table:
    """All columns; if they cannot be read, without the last group of optional ones, which the user did not name."""
    try:
        return read(list(dict.fromkeys([*columns, *chain(*optional)])))
    except DataError:
        if not any(optional):
            raise
        return _read(read, columns, *optional[:-1])


def _is_exact(name: str) -> bool:
    return _EXACT.fullmatch(re.sub(r"[\W_]", "", name).lower()) is not None


def _identifies_rows(table: Table, name: str) -> bool:
    """Whether the column has a different value in every row, and does not just count the rows."""
    try:
        texts = table.texts(name)
    except DataError:
        return False
    if len(set(texts)) < len(texts):
        return False
    if not _NUMBERS.fullmatch(name):
        return True
    try:
        numbers = np.array(texts, dtype=np.float64)
    except ValueError:
        return True
    return not (np.isin(numbers[:1], (0.0, 1.0)).all() and (np.diff(numbers) == 1).all())
