"""What is odd about a table itself: columns that say nothing, and columns that say everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.models.base import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from trusteq.data.column import Column
    from trusteq.data.items import Items
    from trusteq.data.rows import Rows

TELLS_ALL = 0.99
"""The share of labels that a single column must tell to look like the label itself."""
MORE = 0.05
"""How much more that must be than the most frequent label's share."""
HIDDEN = 0.05
"""The share of items in which a column must hold the background's only value to be named."""
ITEMS = 4000
"""So many items are enough to see it."""


def row_findings(rows: Rows, gold: NDArray[np.int64] | None) -> Iterator[Finding]:
    """Columns that are constant, in the items or the background, and columns that alone tell nearly every label."""
    of_column = list(zip(rows.columns, rows.arrays, strict=True))
    constant = [column.name for column, array in of_column if len(set(column.values(array))) < 2]
    if constant and len(rows) > 1:
        names = ", ".join(map(repr, constant[:8])) + (f" and {len(constant) - 8} more" if constant[8:] else "")
        have = "has one value" if len(constant) == 1 else "have one value each"
        message = f"{names} {have} in all {len(rows):,} items, so nothing shows whether a model uses it"
        yield Finding("items", "constant columns", message, float(len(constant)))
    yield from _constant_in_background(rows)
    if gold is None or len(rows) < 50:
        return
    at = np.linspace(0, len(rows) - 1, min(len(rows), ITEMS)).astype(np.int64)
    labels = gold[at]
    most = float(np.bincount(labels).max() / len(labels))
    for column, array in of_column:
        share = told(column, array[at], labels)
        if share >= TELLS_ALL and share >= most + MORE:
            message = (
                f"column {column.name!r} alone tells the label of {share:.1%} of the items: is it the answer itself, "
                "or known only after it? Then no model can be judged on these items"
            )
            yield Finding("items", "hidden label", message, share)


def _constant_in_background(rows: Rows) -> Iterator[Finding]:
    """The columns in which many items hold what every row of the background holds."""
    for column, array, others in zip(rows.columns, rows.arrays, rows.background.arrays, strict=True):
        only, values = set(column.values(others)), column.values(array)
        same = sum(value in only for value in values)
        if len(only) == 1 and HIDDEN * len(values) <= same < len(values):
            message = (
                f"{column.name!r} has one value ({next(iter(only))!r}) in all {len(others):,} rows of the background, "
                f"and in {same:,} of {len(values):,} items: leaving it out does not change these, so they do not show "
                "whether a model uses it; give a background in which it varies"
            )
            yield Finding("items", "constant in background", message, same / len(values))


def told(column: Column, array: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """The share of labels that this column alone tells, learnt on the other half of the items."""
    if column.is_number:
        from sklearn.tree import DecisionTreeClassifier

        x = np.nan_to_num(array.astype(np.float64), nan=-1e30, posinf=1e30, neginf=-1e30)[:, None]
        x = np.clip(x, -1e30, 1e30)
        leaves = 2 * len(np.unique(labels))
    right = 0
    for half in (0, 1):
        seen, held_out = np.arange(len(labels)) % 2 == half, np.arange(len(labels)) % 2 != half
        if column.is_number:
            tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0).fit(x[seen], labels[seen])
            right += int((tree.predict(x[held_out]) == labels[held_out]).sum())
        else:
            right += _told_by_category(column.values(array), labels, seen, held_out)
    return right / len(labels)


def _told_by_category(
    values: list[Any], labels: NDArray[np.int64], seen: NDArray[np.bool_], held_out: NDArray[np.bool_]
) -> int:
    counts: dict[Any, NDArray[np.int64]] = {}
    width = int(labels.max()) + 1
    for i in np.flatnonzero(seen).tolist():
        counts.setdefault(values[i], np.zeros(width, dtype=np.int64))[labels[i]] += 1
    answer = {value: int(count.argmax()) for value, count in counts.items()}
    usual = int(np.bincount(labels[seen]).argmax())
    return sum(answer.get(values[i], usual) == labels[i] for i in np.flatnonzero(held_out).tolist())


FOUND: dict[str, Callable[[Any, NDArray[np.int64] | None], Iterator[Finding]]] = {"row": row_findings}
"""By kind of segment, what is found in its values, given the gold labels."""

KINDS = frozenset({"constant columns", "constant in background", "hidden label"})
"""The kinds of these findings."""


def segment_findings(items: Items, gold: NDArray[np.int64] | None) -> Iterator[Finding]:
    """What is found in the items' segments."""
    for segment in items.segments.values():
        if segment.kind in FOUND:
            yield from FOUND[segment.kind](segment, gold)
