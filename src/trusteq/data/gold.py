"""Gold labels in memory: names of the labels, or positions among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.label_sets import SHOWN, listed
from trusteq.data.table import Table
from trusteq.errors import DataError, LabelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BOOLEANS = {"False": "0", "True": "1"}


def values_of(column: Any, what: str, items: int) -> list[Any]:
    """One Python value per item, from a list, an array or a column of a data frame."""
    if isinstance(column, str) or hasattr(column, "columns"):
        kind = "a data frame" if hasattr(column, "columns") else f"the text {column[:40]!r}"
        raise DataError(f"{what}: found {kind}; give one value per item, such as frame[{what!r}]")
    if hasattr(column, "detach"):
        column = column.detach().cpu()
    if isinstance(column, np.ndarray) or hasattr(column, "ndim"):
        shape = tuple(column.shape)
        if len(shape) != 1:
            way = f"numpy.argmax({what}, axis=1)" if len(shape) == 2 and shape[1] > 1 else f"numpy.ravel({what})"
            raise DataError(f"{what}: shape {list(shape)}; give one value per item: {way}")
    for method in ("tolist", "to_list", "to_pylist"):
        if hasattr(column, method):
            values = list(getattr(column, method)())
            break
    else:
        values = list(column)
    if len(values) != items:
        raise DataError(f"{what}: {len(values):,} values for {items:,} items; give one per item, in the same order")
    return values


def gold_codes(y: Any, labels: Sequence[str], items: int, *, named: bool) -> NDArray[np.int64]:
    """The positions of the right labels [items] among ``labels``; ``named``: whether a user has named those.

    Where all values of ``y`` are names of labels, these are meant; otherwise positions, counted from 0.
    """
    texts = Table("y", {"y": (values := values_of(y, "y", items))}, len(values)).texts("y")
    if "float" in {type(value).__name__ for value in values}:
        broken = next((i for i, v in enumerate(values) if isinstance(v, float) and not v.is_integer()), None)
        if broken is not None:
            raise DataError(f"y: row {broken + 1}: {values[broken]!r} is a fraction; give names or positions of labels")
    code_of = {label: code for code, label in enumerate(labels)}
    distinct = dict.fromkeys(texts)
    if not set(distinct) <= set(code_of):
        positions = {str(code): code for code in range(len(labels))}
        if len(labels) == 2 and set(distinct) <= set(BOOLEANS):
            positions = {text: positions[BOOLEANS[text]] for text in distinct}
        if not set(distinct) <= set(positions):
            raise LabelError(_unknown(texts, distinct, labels, named=named))
        code_of = positions
    return np.fromiter((code_of[text] for text in texts), np.int64, len(texts))


def _unknown(texts: Sequence[str], distinct: dict[str, None], labels: Sequence[str], *, named: bool) -> str:
    """What is wrong with gold labels that are not those of the models, and what to do."""
    positions = {str(code) for code in range(len(labels))}
    others = [text for text in distinct if text not in labels]
    first = next((text for text in others if text not in positions), others[0])
    where = f"y: row {texts.index(first) + 1}: {first!r}"
    if not named and not any(text.startswith("-") for text in distinct):
        order = f"labels={sorted(distinct)}" if len(distinct) == len(labels) <= SHOWN else "labels=[...]"
        return (
            f"{where} is not a position from 0 to {len(labels) - 1}, and the columns of the arrays have no names; give "
            f"them in order with {order} (scikit-learn has them as classes_, transformers as config.id2label)"
        )
    return (
        f"{where} is not one of the labels {listed(labels)}, nor are all values positions from 0 to {len(labels) - 1}; "
        "write y as the labels are named, or drop such items"
    )
