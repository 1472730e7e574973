"""What a file of predictions says of its items beside the predictions: it must be what the items say themselves.

Other gold labels, or the texts of other items, show that rows were matched to the wrong items or labels misnamed.
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


def called_like(name: str | None, names: Sequence[str]) -> str | None:
    """The one of ``names`` that is ``name``, or differs from it only in case and the spaces around it."""
    if name is None or name in names:
        return name
    return next((other for other in names if other.strip().lower() == name.strip().lower()), None)


def shared_columns(items: Items, names: Sequence[str]) -> dict[str, str]:
    """The columns of a file that should hold what the items hold, their texts and gold labels: by the items' name."""
    held = [name for name, segment in items.segments.items() if segment.texts() is not None]
    found = {name: called_like(name, names) for name in [*held, items.label_column]}
    return {name: column for name, column in found.items() if name is not None and column is not None}


def refuse_contradictions(
    table: Table, rows: NDArray[np.int64], items: Items, columns: dict[str, str], predictions: Predictions
) -> None:
    """Stop at the first item, each in its row [items] of the file, of which a column says what the items deny."""
    for name, column in columns.items():
        if column not in table.columns:
            continue
        values = table.values(column)
        said = [values[row] for row in rows.tolist()]
        found = _other_texts(said, items, name) if name in items.segments else _other_labels(said, items, predictions)
        if found is not None:
            at, problem = found
            where = f"{table.source}: {table.place(int(rows[at[0]]))}: item {items.ids[at[0]]!r}: column {column!r}"
            raise DataError(
                f"{where} {problem}; {len(at):,} of {len(items):,} items are at odds: check how rows are matched (--id,"
                " --by-row) and labels are named (--label-names), or rename a column that means something else"
            )


def _other_texts(said: Sequence[Any], items: Items, name: str) -> tuple[NDArray[np.int64], str] | None:
    """Which items have the text of another one in the file, and whose the first has; a text of no item is let be."""
    own = [text.strip() for text in items.segments[name]]
    told = [text.strip() if isinstance(text, str) else "" for text in said]
    if told == own:
        return None
    first = {text: item for item, text in reversed(list(enumerate(own)))}
    at = np.array([i for i, (a, b) in enumerate(zip(told, own, strict=True)) if a != b and a in first], dtype=np.int64)
    return (at, f"holds the text of item {items.ids[first[told[at[0]]]]!r}") if len(at) else None


def _other_labels(said: Sequence[Any], items: Items, predictions: Predictions) -> tuple[NDArray[np.int64], str] | None:
    """Which items have another gold label in the file, and which the first; None where it holds the model's answers."""
    assert items.labels is not None  # noqa: S101 - the column they were read from has a name
    at = _contradicted(said, items.label_names, items.labels)
    answers = predictions.probabilities.argmax(axis=1)
    if not len(at) or not len(_contradicted(said, predictions.labels, answers)):
        return None
    return at, f"says {shown(said[at[0]])}, where the gold label is {items.label_names[items.labels[at[0]]]!r}"


def _contradicted(said: Sequence[Any], names: Sequence[str], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which values [items] mean another of ``names`` than ``codes`` [items] do; gaps mean nothing.

    What is not among the names (a code, another spelling) means the name that it stands beside most often.
    """
    try:
        number = {value: i for i, value in enumerate(dict.fromkeys(said))}
        value = np.array([number[value] for value in said], dtype=np.int64)
    except TypeError:  # lists are no labels
        return np.zeros(0, dtype=np.int64)
    pairs, counts = np.unique(value * len(names) + codes, return_counts=True)
    pairs = pairs[np.argsort(counts, kind="stable")]
    meant = np.zeros(len(number), dtype=np.int64)
    meant[pairs // len(names)] = pairs % len(names)  # the last of each value is the most frequent
    place = {name: code for code, name in enumerate(names)}
    for one, i in number.items():
        text = str(int(one)) if isinstance(one, float) and one.is_integer() else str(one).strip()
        meant[i] = place.get(text, meant[i])
    gap = np.array([one is None or one != one or not str(one).strip() for one in number])
    return np.flatnonzero((meant[value] != codes) & ~gap[value])
