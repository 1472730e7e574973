"""Texts and gold labels in a file of predictions: they must match those of the items.

If they contradict the items, rows were matched to the wrong items, or labels have the wrong names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.table import shown
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.predictions import Predictions
    from trusteq.data.table import Table


def same_name(name: str | None, names: Sequence[str]) -> str | None:
    """The one of ``names`` that equals ``name``, or differs only in case and the spaces around it; None without one."""
    if name is None or name in names:
        return name
    return next((other for other in names if other.strip().lower() == name.strip().lower()), None)


def shared_columns(items: Items, names: Sequence[str]) -> dict[str, str]:
    """The file's columns that should repeat the items' texts and gold labels, by the name that the items use."""
    texts = [name for name, segment in items.segments.items() if segment.texts() is not None]
    columns = {name: same_name(name, names) for name in [*texts, items.label_column]}
    return {name: column for name, column in columns.items() if name is not None and column is not None}


def refuse_contradictions(
    table: Table, rows: NDArray[np.int64], items: Items, columns: dict[str, str], predictions: Predictions
) -> None:
    """Stop at the first item that a column of the file contradicts; ``rows`` [items] are the items' rows in it."""
    for name, column in columns.items():
        if column not in table.columns:
            continue
        values = table.values(column)
        cells = [values[row] for row in rows.tolist()]
        conflict = (
            _other_texts(cells, items, name) if name in items.segments else _other_labels(cells, items, predictions)
        )
        if conflict is not None:
            positions, problem = conflict
            first = positions[0]
            where = f"{table.source}: {table.place(int(rows[first]))}: item {items.ids[first]!r}: column {column!r}"
            raise DataError(
                f"{where} {problem}; {len(positions):,} of {len(items):,} items conflict: check how rows are matched "
                "(--id, --by-row) and labels are named (--label-names), or rename a column that means something else"
            )


def _other_texts(cells: Sequence[Any], items: Items, name: str) -> tuple[NDArray[np.int64], str] | None:
    """Positions of items with another item's text in the file, and whose the first has; new texts are allowed."""
    expected = [text.strip() for text in items.segments[name]]
    texts = [text.strip() if isinstance(text, str) else "" for text in cells]
    if texts == expected:
        return None
    item_of = {text: item for item, text in reversed(list(enumerate(expected)))}
    positions = np.array(
        [i for i, (a, b) in enumerate(zip(texts, expected, strict=True)) if a != b and a in item_of], dtype=np.int64
    )
    if not len(positions):
        return None
    return positions, f"holds the text of item {items.ids[item_of[texts[positions[0]]]]!r}"


def _other_labels(cells: Sequence[Any], items: Items, predictions: Predictions) -> tuple[NDArray[np.int64], str] | None:
    """Positions of items with another gold label in the file, and the first one's; None if these are the answers."""
    assert items.labels is not None  # noqa: S101 - the column they were read from has a name
    positions = _contradicted(cells, items.label_names, items.labels)
    answers = predictions.probabilities.argmax(axis=1)
    if not len(positions) or not len(_contradicted(cells, predictions.labels, answers)):
        return None
    first = positions[0]
    return positions, f"says {shown(cells[first])}, but the gold label is {items.label_names[items.labels[first]]!r}"


def _contradicted(cells: Sequence[Any], names: Sequence[str], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of the cells [items] that mean another of ``names`` than ``codes`` [items]; empty cells mean nothing.

    A value that is not among the names (a code, another spelling) means the name that it occurs with most often.
    """
    try:
        index_of = {value: i for i, value in enumerate(dict.fromkeys(cells))}
        index = np.array([index_of[value] for value in cells], dtype=np.int64)
    except TypeError:  # lists cannot be labels
        return np.zeros(0, dtype=np.int64)
    pairs, counts = np.unique(index * len(names) + codes, return_counts=True)
    pairs = pairs[np.argsort(counts, kind="stable")]
    meaning = np.zeros(len(index_of), dtype=np.int64)
    meaning[pairs // len(names)] = pairs % len(names)  # the last pair of each value is the most frequent
    code_of = {name: code for code, name in enumerate(names)}
    for value, i in index_of.items():
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
        meaning[i] = code_of.get(text, meaning[i])
    empty = np.array([value is None or value != value or not str(value).strip() for value in index_of])
    return np.flatnonzero((meaning[index] != codes) & ~empty[index])
