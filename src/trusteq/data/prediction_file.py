"""Predictions from a file, or from a table in memory: one row per item, one column per label."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trusteq.data.contradictions import refuse_contradictions, same_name, shared_columns
from trusteq.data.id_columns import names_rows, read_with_ids
from trusteq.data.predictions import checked, refuse_not_finite, softmax, unlike_logits
from trusteq.data.readers import Table, column_names, read_table
from trusteq.data.table import selected, shown
from trusteq.errors import DataError, ModelError, OptionError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.predictions import Predictions


def label_columns(
    path: str | Path | Table,
    *,
    labels: Sequence[str] | None = None,
    id: str | None = None,  # noqa: A002
    not_labels: Collection[str] = (),
) -> list[str]:
    """The columns that hold the scores of labels: ``labels``, or every column whose first value is a number.

    Ids, row numbers and the columns in ``not_labels`` are excluded.
    """
    if labels:
        selected(column_names(path), labels, str(path))
        return list(labels)
    excluded = {id, *not_labels}
    columns = [name for name in column_names(path) if name not in excluded and not names_rows(name)]
    first_row = read_table(path, columns, limit=1)
    first_values = {name: first_row.values(name)[0] for name in first_row.columns}
    gaps = [name for name, value in first_values.items() if _is_gap(value)]
    first_values |= _first_values(read_table(path, gaps)) if gaps else {}
    numeric = [name for name, value in first_values.items() if _number(value) is not None]
    if not numeric:
        raise DataError(
            f"{path}: no label columns: none of {shown(list(first_row.columns))} starts with a number "
            f"in {first_row.place(0)}; write one column of probabilities per label"
        )
    return numeric


def read_predictions(
    path: str | Path | Table,
    items: Items,
    *,
    labels: Sequence[str] | None = None,
    scores: Literal["probabilities", "logits"] = "probabilities",
    id: str | None = None,  # noqa: A002
    by_row: bool = False,
    not_labels: Collection[str] = (),
    name: str,
) -> Predictions:
    """Probabilities for every item, in the order of the items.

    Rows are matched by the column ``id``; without it by a column named as the items' ids or like ids (`read_with_ids`),
    unless ``by_row``; else by row number. ``labels`` and ``not_labels`` are as in `label_columns`; ``name`` is the
    model's, for messages. Texts and gold labels in the file must match those of the items.
    """
    refuse_both(id, by_row)
    columns = label_columns(path, labels=labels, id=id, not_labels=not_labels)
    names = [name for name in column_names(path) if name not in columns]
    to_check = {} if str(path) == items.source else shared_columns(items, names)
    if id is None and not by_row:
        id = same_name(items.id_column, names)  # noqa: A001
    guess_id = id is None and not by_row
    table, guessed_id = read_with_ids(
        partial(read_table, path),
        [*columns, *([] if id is None else [id])],
        [n for n in names if n not in {*not_labels, *items.label_names}] if guess_id else [],
        list(to_check.values()),
    )
    id = guessed_id if guess_id else id  # noqa: A001
    if id is not None:
        rows = _rows_by_id(table, id, items)
    elif by_row or (items.id_column is None and _has_row_numbers(items)):
        rows = _rows_by_number(table, items)
    else:
        raise DataError(
            f"{path}: no column {items.id_column or 'id'!r} to match the items of {items.source} (the first is "
            f"{items.ids[0]!r}); add the column, name it with --id, or match by row number with --by-row"
        )
    values = np.stack([_numbers(table, column, rows, items)[rows] for column in columns], axis=1)

    def place(item: int) -> str:
        return table.place(int(rows[item]))

    if scores == "logits":
        refuse_not_finite(values, columns, lambda item: f"{path}: {place(item)}: item {items.ids[item]!r}", "logit")
        if (mismatch := unlike_logits(values)) is not None:
            kind, remedy = mismatch
            raise ModelError(
                f"{path}: {place(0)}: item {items.ids[0]!r}: holds {shown(values[0].tolist())}: nearly all rows look "
                f"like {kind}, not logits; {f'{remedy}, and ' if remedy else ''}remove --scores logits or use "
                f"--scores {name}=probabilities (if they really are logits, write their softmax)"
            )
        values = softmax(values)
    predictions = checked(values, labels=columns, ids=items.ids, model=name, where=str(path), place=place)
    refuse_contradictions(table, rows, items, to_check, predictions)
    return predictions


def refuse_both(id: str | None, by_row: bool) -> None:  # noqa: A002
    """Stop if both ways to match rows are given."""
    if id is not None and by_row:
        raise OptionError(
            f"--id {id} matches rows by that column, --by-row by their number; give one of the two "
            "(without --id, a column named 'id' still gives the items' ids)"
        )


def _rows_by_id(table: Table, id_column: str, items: Items) -> NDArray[np.int64]:
    if table.texts(id_column) == list(items.ids):
        return np.arange(table.rows)
    row_of = dict(zip(table.ids(id_column), range(table.rows), strict=True))
    if "0" in row_of and _has_row_numbers(items):
        raise DataError(
            f"{table.source}: {table.place(row_of['0'])}: id '0', but the items of {items.source} count "
            "from '1'; give both files the same ids, or match by row number with --by-row"
        )
    rows = list(map(row_of.get, items.ids))
    if None in rows:
        missing = [id_ for id_ in items.ids if id_ not in row_of]
        raise DataError(
            f"{table.source}: no row with {id_column} {shown(missing[0])}; {len(missing)} of {len(items)} "
            f"items of {items.source} have none (ids here begin {shown(list(row_of)[:3])}); every item needs a row, "
            "matched by ids of the same column in both files (--id) or by row number (--by-row)"
        )
    return np.array(rows, dtype=np.int64)


def _rows_by_number(table: Table, items: Items) -> NDArray[np.int64]:
    if table.rows == len(items):
        return np.arange(len(items))
    every = table.rows == len(items) + items.ignored + items.unreadable
    # Ids of a column may look like row numbers and count only the items with a label.
    if every and items.id_column is None and _has_row_numbers(items):
        # The file also has rows for the items that were left out.
        return np.array([int(id_) - 1 for id_ in items.ids], dtype=np.int64)
    ignored = f" (and {items.ignored} ignored ones)" if items.ignored else ""
    raise DataError(
        f"{table.source}: {table.rows} rows for {len(items)} items of {items.source}{ignored}; matching "
        "by row number needs one row per item; or give both files an id column"
    )


def _has_row_numbers(items: Items) -> bool:
    """Whether the ids are row numbers in the items' file: rising from 1, with gaps only for ignored items."""
    if not all(id_.isascii() and id_.isdigit() and id_[0] != "0" for id_ in items.ids):
        return False
    numbers = [int(id_) for id_ in items.ids]
    return numbers == sorted(set(numbers)) and numbers[-1] <= len(items) + items.ignored


def _numbers(table: Table, name: str, row_of: NDArray[np.int64], items: Items) -> NDArray[np.float64]:
    """The column [rows] in float64; texts such as "nan" count as numbers here and are refused later.

    ``row_of`` [items] is each item's row.
    """
    column = table.columns[name]
    if isinstance(column, np.ndarray) and column.ndim == 1:
        return column.astype(np.float64)
    numbers = np.empty(table.rows)
    for row, value in enumerate(table.values(name)):
        number = _number(value)
        if number is None:
            item = "".join(f"item {items.ids[i]!r}: " for i in np.flatnonzero(row_of == row).tolist())
            raise DataError(
                f"{table.source}: {table.place(row)}: {item}column {name!r}: {shown(value)} is not a number; "
                "correct the cell, or name the label columns with --labels"
            )
        numbers[row] = number
    return numbers


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_gap(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _first_values(table: Table) -> dict[str, Any]:
    """The first value of each column that is not a gap; None for a column of gaps."""
    return {name: next((v for v in table.values(name) if not _is_gap(v)), None) for name in table.columns}
