"""Checks of a run's tables when they are read: columns, types, and that they belong to this run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trusteq.comparing.agreement_scores import SCORES
from trusteq.comparing.measures import METHODS
from trusteq.data.segment import is_described
from trusteq.errors import RunError
from trusteq.explain.units import places_named
from trusteq.record.explanation_tables import EDGES, LOG_PROBABILITY, OUTLINED
from trusteq.record.item_table import COLUMN, SEGMENT
from trusteq.tasks.task import CLASSES, task_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from trusteq.record.document import AuditDocument

TEXT, NUMBER, WHOLE, TEXTS = "texts", "numbers", "whole numbers", "lists of texts"
WHOLES = "lists of whole numbers"

_UNIT = {"id": TEXT, "model": TEXT, "word": TEXT, "segment": WHOLE, "label": TEXT}
_LEANS = ("lean_reference", "lean_candidate", "signed_reference", "signed_candidate", "p_value", "q_value")
_ENDS = ("", "_low", "_high")

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "items": {"id": TEXT},
    "estimates": {
        **dict.fromkeys(("candidate", "dimension", "measure", "method"), TEXT),
        **dict.fromkeys(("slice_column", "slice_value"), TEXT),
        **dict.fromkeys(("value", "low", "high", "level", "p_against_rest"), NUMBER),
        "n": WHOLE,
    },
    "flips": {
        **dict.fromkeys(("candidate", "id", "kind", "gold", "reference_answer", "candidate_answer"), TEXT),
        **dict.fromkeys(("reference_confidence", "candidate_confidence"), NUMBER),
    },
    "plan": {"id": TEXT, "mask": TEXT, "first_half": WHOLE, "second_half": WHOLE},
    "attributions": {**_UNIT, **{f"{method}{end}": NUMBER for method in METHODS for end in ("", "_error")}},
    "agreement": {
        **dict.fromkeys(("id", "candidate", "method"), TEXT),
        "words": WHOLE,
        **dict.fromkeys(SCORES, NUMBER),
        **{f"{name}_chance": NUMBER for name, score in SCORES.items() if score.chance is not None},
    },
    "words": {
        **dict.fromkeys(("candidate", "word"), TEXT),
        **dict.fromkeys(("items", "occurrences"), WHOLE),
        **dict.fromkeys(_LEANS, NUMBER),
        **{f"{lean}_difference{end}": NUMBER for lean in ("lean", "signed") for end in _ENDS},
    },
    "top_words": {**dict.fromkeys(("id", "model", "method"), TEXT), "run": WHOLE, "words": TEXTS},
    "top_patches": {
        **dict.fromkeys(("id", "model", "method"), TEXT),
        **dict.fromkeys(("rows", "columns"), WHOLE),
        **dict.fromkeys(EDGES, NUMBER),
        "patches": WHOLES,
    },
}
"""The columns that each table has in every run, with their types."""

_MAY_LACK = {"slice_column", "slice_value", "value", "low", "high", "p_against_rest", "gold"}
"""Columns that may have gaps; in others a gap is damage. Numbers that could not be computed are NaN."""

_FINITE = set(METHODS)

_PARTS = {TEXTS: TEXT, WHOLES: WHOLE}


def refuse_damaged_table(path: Path, name: str, table: pa.Table, document: AuditDocument, ids: Any = None) -> None:
    """Stop at the first thing in the table ``name`` that no audit writes.

    ``ids`` are the ids of the run's items, for every table but that of the items.
    """
    for problem in _problems(name, table, document, ids):
        raise RunError(f"{path}: damaged: {problem}; copy the run again or audit again")


def _problems(name: str, table: pa.Table, document: AuditDocument, ids: Any) -> Iterator[str]:
    if len(set(table.column_names)) < table.num_columns:
        yield "a column appears twice"
    scores = name == OUTLINED or name.startswith(("predictions/", "values/", "removed/"))
    task = task_named(document.settings.get("task", CLASSES))
    numbers = task.columns(document.labels)
    key = "item id" if scores and "id" in document.labels else "id"
    if not task.one_row and not name.startswith("predictions/"):
        numbers = (LOG_PROBABILITY,)
    columns = {key: TEXT, **dict.fromkeys(numbers, NUMBER)} if scores else dict(COLUMNS.get(name, {}))
    if name == "items":
        columns |= {"label": TEXT} if document.items.labelled else {}
        columns |= {"options": TEXTS} if "options" in table.column_names else {}
        columns |= {"cluster": TEXT} if document.items.clusters is not None else {}
        # A segment that is not text is checked by its kind.
        texts = [field.name for field in table.schema if not is_described(field)]
        columns |= {name: TEXT for name in texts if name.startswith((SEGMENT, COLUMN))}
    if name == "attributions" and document.settings["explain"] is not None:
        columns |= dict.fromkeys(places_named(document.settings["explain"].units), WHOLE)
    for column, kind in columns.items():
        if column not in table.column_names:
            yield f"no column {column[:80]!r}"
        values = table[column]
        if not len(values) or (column in _MAY_LACK and len(values) == values.null_count):
            continue  # a column without values has no type
        if not _is(kind, values.type):
            yield f"column {column[:80]!r} holds {values.type}, not {kind}"
        if values.null_count and column not in _MAY_LACK:
            yield f"column {column[:80]!r} has gaps"
        if (scores and kind == NUMBER) or column in _FINITE:
            finite = pc.all(pc.is_finite(values)).as_py()
            unknown = column in task.may_be_unknown and pc.all(pc.is_nan(values)).as_py()
            high = task.largest if name.startswith("predictions/") else 1e-6 if scores else None
            if not (finite or unknown) or (high is not None and pc.max(values).as_py() > high):
                yield f"column {column[:80]!r} holds a number that no model could give"
        if kind == WHOLE and pc.min(values).as_py() < 0:
            yield f"column {column[:80]!r} holds a number below 0"
    yield from _foreign_values(name, table, document, ids, key, one_row=task.one_row)


def _foreign_values(
    name: str, table: pa.Table, document: AuditDocument, ids: Any, key: str, *, one_row: bool
) -> Iterator[str]:
    """Items, models and labels that do not belong to the run."""
    candidates = [candidate.name for candidate in document.candidates]
    n = document.items.n
    if name == "items":
        if table.num_rows != n:
            yield f"{table.num_rows:,} items, but audit.json has {n:,}"
        if pc.count_distinct(table["id"]).as_py() != n:
            yield "an id appears twice"
    elif name.startswith("predictions/"):
        row_ids = table[key].cast(pa.string())
        if not (row_ids.equals(ids) if one_row else _in_order_of(row_ids, ids)):
            yield "its ids are not those of items.parquet"
    elif key in table.column_names:
        yield from _outside(table, key, ids)
    yield from _outside(table, "candidate", candidates)
    if name in {"attributions", "top_words", "top_patches"}:
        yield from _outside(table, "model", [document.reference.name, *candidates])
    if document.labels and (name == "attributions" or (name == "items" and document.items.labelled)):
        yield from _outside(table, "label", list(document.labels))


def _in_order_of(rows: pa.ChunkedArray, ids: pa.ChunkedArray) -> bool:
    """Whether the rows of each item are contiguous and in the order of the items; an item may have none."""
    place = pc.index_in(rows, ids).to_numpy(zero_copy_only=False)
    return not (np.isnan(place.astype(np.float64)).any() or (np.diff(place) < 0).any())


def _outside(table: pa.Table, column: str, allowed: Any) -> Iterator[str]:
    if column not in table.column_names or not table.num_rows:
        return
    values = table[column].cast(pa.string())
    allowed = pa.array(allowed, pa.string()) if isinstance(allowed, list) else allowed
    if not pc.all(pc.is_in(values, allowed)).as_py():
        foreign = values.filter(pc.invert(pc.is_in(values, allowed)))[0].as_py()
        yield f"column {column!r} holds {str(foreign)[:80]!r}, which is not in this run"


def _is(kind: str, type_: pa.DataType) -> bool:
    if kind in _PARTS:
        return (pa.types.is_list(type_) or pa.types.is_large_list(type_)) and _is(_PARTS[kind], type_.value_type)
    if kind == TEXT:
        return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))
    return bool(pa.types.is_int64(type_) or (kind == NUMBER and pa.types.is_float64(type_)))
