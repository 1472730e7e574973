"""Scores in memory as a table: one row per item, one column per label.

An array has [items, labels]; of two labels, one column of probabilities may stand for both. The columns of a data frame
are named after the labels. Answers without probabilities are refused.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trusteq.data.frame import is_frame
from trusteq.data.readers import is_table, read_table
from trusteq.data.table import Table, shown
from trusteq.errors import LabelError, ModelError, OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PROBABILITIES = "what predict_proba or a softmax returns, [items, labels]"


def label_texts(labels: Any) -> tuple[str, ...]:
    """Label names in memory as texts: 1, 1.0 and numpy's 1 are "1"."""
    if isinstance(labels, str):
        raise LabelError(f"labels must be a list of names, found the text {labels!r}")
    values = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    return tuple(Table("labels", {"labels": values}, len(values)).texts("labels"))


def is_scores(value: object) -> bool:
    """Whether this looks like scores in memory, rather than a model or a path."""
    if is_table(value):
        return True
    as_array = hasattr(value, "__array__") or hasattr(value, "to_numpy") or _is_rows(value)
    return as_array and not callable(value)


def is_named(scores: Any) -> bool:
    """Whether the columns of the scores have names: they are a data frame, and not one made of an array as it is."""
    if is_frame(scores):
        return list(scores.columns) != list(range(scores.shape[1]))
    return is_table(scores)


def score_table(
    scores: Any, *, labels: Sequence[str] | None, kind: Literal["probabilities", "logits"], name: str
) -> tuple[Table, tuple[str, ...] | None]:
    """The scores of the model ``name`` as a table, and its columns that are labels; None if they must be searched.

    ``labels`` are in the order of an array's columns, by default named by their position; of a data frame, they say
    which columns are labels. A column without a name is the score of the second of two labels, against the first.
    """
    if is_named(scores):
        table = read_table(scores)
        return replace(table, source=f"data frame of {name}"), None if labels is None else tuple(labels)
    where = f"array of {name}"
    values = _as_array(scores, where)
    if values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1):
        values = _of_two(values.reshape(len(values)), kind, where)
    if values.ndim != 2:
        several = "; for several candidates give a mapping from names to arrays" if values.ndim == 3 else ""
        raise ModelError(f"{where}: shape {list(values.shape)}; give {PROBABILITIES}{several}")
    if len(values) == 0:
        raise ModelError(f"{where}: no rows; give {PROBABILITIES}")
    names = tuple(map(str, range(values.shape[1]))) if labels is None else tuple(labels)
    if len(names) != values.shape[1]:
        raise LabelError(
            f"{where}: {values.shape[1]} columns, but {len(names)} labels ({', '.join(names[:10])}); name each column"
        )
    if len(set(names)) < len(names):
        twice = next(label for label in names if names.count(label) > 1)
        raise LabelError(f"{where}: label {twice!r} appears twice; give each column its own name")
    return Table(where, {label: values[:, i] for i, label in enumerate(names)}, len(values)), names


def _as_array(scores: Any, where: str) -> NDArray[np.float64]:
    """The numbers in float64; hard answers are refused."""
    if hasattr(scores, "predict_proba"):
        raise ModelError(
            f"{where}: found {type(scores).__name__}, a model; give {PROBABILITIES}, or audit models with trusteq.audit"
        )
    if isinstance(scores, str | bytes) or not (hasattr(scores, "__array__") or _is_rows(scores) or is_frame(scores)):
        files = "; files are audited by trusteq.audit(trusteq.open_model(LARGE), trusteq.open_model(SMALL), ITEMS)"
        raise ModelError(
            f"{where}: found {type(scores).__name__} {shown(scores)}; give {PROBABILITIES}, as an array, a data frame "
            f"or a list of rows{files if isinstance(scores, str | PurePath) else ''}"
        )
    if hasattr(scores, "detach"):  # torch: numpy has no bfloat16, and must not need gradients
        scores = scores.detach().cpu()
        scores = scores.double() if scores.is_floating_point() else scores
    try:
        values = np.asarray(scores)
    except ValueError:
        raise ModelError(f"{where}: rows of unequal length; give {PROBABILITIES}") from None
    if isinstance(scores, np.ma.MaskedArray) and np.ma.is_masked(scores):
        raise ModelError(f"{where}: values are masked; give every item a probability of each label, or drop the item")
    if values.dtype.kind == "O" and values.size:
        with suppress(TypeError, ValueError):
            values = values.astype(np.float64)
    if values.ndim == 0:
        raise ModelError(f"{where}: {type(scores).__name__} is no array of numbers; give {PROBABILITIES}")
    is_answers = values.ndim == 1 and len(values) and (values.dtype.kind not in "f" or bool((values % 1 == 0).all()))
    if is_answers:
        raise ModelError(
            f"{where}: holds answers (such as {shown(values.tolist()[0])}), not probabilities; give {PROBABILITIES}: "
            "how sure a model is cannot be told from its answers"
        )
    if values.dtype.kind not in "fiub":
        first = next(iter(values.ravel().tolist()), "")
        raise ModelError(f"{where}: {shown(first)} is not a number; give {PROBABILITIES}")
    return values.astype(np.float64)


def _of_two(scores: NDArray[np.float64], kind: str, where: str) -> NDArray[np.float64]:
    """Two columns [items, 2] from one: the score of the second label, and what that leaves for the first."""
    if kind == "logits":
        if ((scores >= 0) & (scores <= 1)).all():
            raise OptionError(f"{where}: all values are between 0 and 1, like probabilities, not logits")
        return np.stack([np.zeros_like(scores), scores], axis=1)
    outside = np.flatnonzero((scores < 0) | (scores > 1))
    if outside.size:
        row = int(outside[0])
        raise ModelError(
            f"{where}: row {row + 1}: {scores[row]:g} is not a probability; if these are logits of the second label "
            "(such as decision_function returns), use --scores logits"
        )
    return np.stack([1 - scores, scores], axis=1)


def _is_rows(value: object) -> bool:
    """Whether this is a list or tuple of numbers, of rows of numbers, or of answers."""
    if not isinstance(value, list | tuple) or not value:
        return False
    first = value[0]
    return isinstance(first, list | tuple | int | float | str | np.ndarray | np.generic)
