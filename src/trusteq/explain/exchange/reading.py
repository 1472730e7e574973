"""Reads attributions from other tools, recognised by the attributes of their objects: no explainer is imported.

shap.Explanation   .values [items, units(, labels)] or ragged, .data or .feature_names, .output_names; as of shap 0.51
lime Explanation   .as_map() and .domain_mapper.indexed_string, a list with one per item; as of lime 0.2.0.1
tensor or array    .detach() or __array__, one per item or [items, units], with ``units``; captum returns tensors
table              a data frame, file, finished run or audit: one row per item and unit, as in attributions.parquet
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data import frame
from trusteq.data.id_columns import names_rows
from trusteq.data.readers import read_table
from trusteq.data.table import Table, shown
from trusteq.errors import DataError, LabelError, OptionError
from trusteq.explain.exchange.attribution_set import AttributionSet, attribution_set, item_name
from trusteq.explain.units import cuts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Label = str | int | Sequence[str | int]

_KEYS = ("id", "model", "word", "segment", "label")


def read_attributions(
    given: object,
    *,
    units: Sequence[Sequence[str]] | None = None,
    label: Label | None = None,
    scale: str | None = None,
    model: str | None = None,
    method: str | None = None,
) -> AttributionSet:
    """Attributions from another tool or from a trusteq run, as a checked set.

    ``given`` is a `shap.Explanation`; a list of lime's explanations of texts; arrays or tensors, with ``units``, the
    words of each item; or a table like a run's ``attributions.parquet``: its path, a data frame, the result of
    `trusteq.load_run`, or an `Audit`. ``label`` is the explained label, for all items or one per item: needed if the
    object has several. ``scale`` is the scale of the attributions, if known: "probability", "log-odds". ``model`` and
    ``method`` choose from a table that has several.
    """
    if isinstance(given, AttributionSet):
        _without_effect("an AttributionSet", units=units, label=label, scale=scale, model=model, method=method)
        return given
    table, stated = _as_table(given)
    if table is not None:
        _without_effect(table.source, units=units)
        if scale is not None and stated is not None and scale != stated:
            raise OptionError(f"{table.source}: explained on the scale {stated}, not {scale}; remove scale")
        return _from_table(table, label, stated or scale, model, method)
    _without_effect(type(given).__name__, model=model, method=method)
    if all(hasattr(given, name) for name in ("values", "base_values", "data", "output_names")):
        return _from_shap(given, units, label, scale)
    explanations = [given] if _is_lime(given) else given
    if isinstance(explanations, Sequence) and len(explanations) and all(map(_is_lime, explanations)):
        _without_effect("lime explanations", units=units)
        return _from_lime(explanations, label, scale)
    if isinstance(given, list | tuple) or hasattr(given, "__array__") or hasattr(given, "detach"):
        return _from_arrays(given, units, label, scale)
    raise DataError(
        f"{type(given).__name__} {shown(given)} has no readable attributions; give a shap.Explanation, lime "
        "explanations, arrays with units, a data frame or a Parquet file"
    )


def _without_effect(source: str, **options: object) -> None:
    for name, value in options.items():
        if value is not None:
            raise OptionError(f"{source}: {name} has no effect; remove it")


def _from_shap(
    explanation: Any, units: Sequence[Sequence[str]] | None, label: Label | None, scale: str | None
) -> AttributionSet:
    source = "shap.Explanation"
    data = explanation.data
    if data is not None and len(data) and all(np.ndim(x) == 0 for x in data):
        raise DataError(f"{source}: explains one item; give all items in one Explanation")
    rows = [_numbers(row, f"{source}: item {i + 1}") for i, row in enumerate(explanation.values)]
    if any(row.ndim > 2 for row in rows):
        raise DataError(f"{source}: values are interactions ({list(rows[0].shape)} per item); give one value per unit")
    names = explanation.output_names
    labelled = [row.ndim == 2 for row in rows]
    if any(labelled):
        outputs = [] if names is None or isinstance(names, str) else [str(name) for name in names]
        if not all(labelled) or any(row.shape[1] != len(outputs) for row in rows):
            widths = sorted({row.shape[1] if row.ndim == 2 else 1 for row in rows})
            raise LabelError(
                f"{source}: values of {', '.join(map(str, widths))} labels per item, but output_names are {names!r}; "
                "name one output for each label"
            )
        if label is None and len(outputs) > 1:
            raise LabelError(f"{source}: explains the labels {', '.join(outputs)}; name one, e.g. label={outputs[0]!r}")
        item_labels = _labels(outputs[0] if label is None else label, len(rows), source)
        for i, name in enumerate(item_labels):
            if name not in outputs:
                raise LabelError(f"{source}: item {i + 1}: no label {name!r}; it explains {', '.join(outputs)}")
        rows = [row[:, outputs.index(name)] for row, name in zip(rows, item_labels, strict=True)]
        labels: tuple[str, ...] | None = item_labels
    else:
        stated = (str(names),) * len(rows) if isinstance(names, str) else None
        labels = _agreed(stated, label, len(rows), source, None)
    return attribution_set(
        units or _shap_units(explanation, rows, source), rows, source=source, labels=labels, scale=scale
    )


def _shap_units(explanation: Any, rows: Sequence[NDArray[np.float64]], source: str) -> list[list[str]]:
    """The words of each item, or the names of the columns."""
    data, names = explanation.data, explanation.feature_names
    if data is not None and all(isinstance(text, str) for words in data for text in words):
        return [list(words) for words in data]
    if names is not None and len(names) and all(isinstance(name, str) for name in names):
        return [list(names)] * len(rows)
    raise DataError(f"{source}: neither data nor feature_names are texts; name the units of each item: units=...")


def _is_lime(given: object) -> bool:
    return hasattr(given, "as_map") and hasattr(given, "domain_mapper")


def _from_lime(explanations: Sequence[Any], label: Label | None, scale: str | None) -> AttributionSet:
    source = "lime explanations"
    item_labels = [None] * len(explanations) if label is None else _one_each(label, len(explanations), source)
    units, rows, labels, weighed = [], [], [], []
    for i, (explanation, name) in enumerate(zip(explanations, item_labels, strict=True)):
        where = f"{source}: item {i + 1}"
        indexed = getattr(explanation.domain_mapper, "indexed_string", None)
        if indexed is None:
            raise DataError(f"{where} is not an explanation of a text; give its weights as arrays with units")
        words = [str(indexed.word(unit)) for unit in range(indexed.num_words())]
        weights = explanation.as_map()
        code = _lime_label(weights, getattr(explanation, "class_names", None), name, where)
        row = np.zeros(len(words))
        for unit, weight in weights[code]:
            row[int(unit)] = weight
        units.append(words)
        rows.append(row)
        labels.append(_lime_name(code, getattr(explanation, "class_names", None)))
        weighed.append(len(weights[code]))
    return attribution_set(units, rows, source=source, labels=tuple(labels), scale=scale, weighed=weighed)


def _lime_label(weights: Any, names: Sequence[str] | None, label: str | int | None, where: str) -> Any:
    """The key of the weights of this label, or of the only one."""
    by_name = {_lime_name(code, names): code for code in weights}
    if label is None:
        if len(by_name) != 1:
            raise LabelError(
                f"{where} explains the labels {', '.join(by_name)}; name one, e.g. label={next(iter(by_name))!r}"
            )
        return next(iter(weights))
    # LIME numbers labels, but two models can only share their names.
    code = by_name.get(label) if isinstance(label, str) else next((c for c in weights if c == label), None)
    if code is None:
        raise LabelError(
            f"{where}: label {label!r} is not explained, only {', '.join(by_name)}; explain it (labels=...)"
        )
    return code


def _lime_name(code: Any, names: Sequence[str] | None) -> str:
    return str(names[code]) if names is not None and 0 <= code < len(names) else str(code)


def _from_arrays(
    arrays: Any, units: Sequence[Sequence[str]] | None, label: Label | None, scale: str | None
) -> AttributionSet:
    source = "arrays" if isinstance(arrays, list | tuple) else type(arrays).__name__
    if units is None:
        raise OptionError(f"{source}: numbers without units cannot be compared; name the units of each item: units=...")
    padded = not isinstance(arrays, list | tuple) and getattr(arrays, "dtype", None) != np.dtype(object)
    if padded:
        matrix = _numbers(arrays, source)
        if matrix.ndim != 2:
            raise DataError(
                f"{source} has shape {list(matrix.shape)}; expected [items, units]: sum over embeddings, pick one label"
            )
        rows = [_unpadded(row, len(words)) for row, words in zip(matrix, units, strict=False)]
        rows += list(matrix[len(rows) :])
    else:
        rows = [_numbers(row, f"{source}: item {i + 1}") for i, row in enumerate(arrays)]
    labels = _agreed(None, label, len(rows), source, None)
    return attribution_set(units, rows, source=source, labels=labels, scale=scale)


def _unpadded(row: NDArray[np.float64], units: int) -> NDArray[np.float64]:
    """An item's attributions without padding, if they are only followed by zeros."""
    return row if row[units:].any() else row[:units]


def _as_table(source: Any) -> tuple[Table | None, str | None]:
    """The table, if it is one, and its scale, if stated."""
    if isinstance(source, str | Path):
        if Path(source).is_dir():
            raise DataError(
                f"{source}: is a folder; give trusteq.load_run({str(source)!r}), or its attributions.parquet"
            )
        return read_table(source), None
    if hasattr(source, "manifest") and hasattr(source, "table"):  # a finished run
        explained = (source.manifest.get("settings") or {}).get("explain")
        if explained is None:
            raise DataError(f"{source.directory}: the run has no explanations; audit again with explanations")
        return frame.read(source.table("attributions"), None, None, source=str(source.directory)), explained.get(
            "scale"
        )
    if hasattr(source, "explanation") and callable(getattr(source, "attributions", None)):  # an audit
        if source.explanation is None:
            raise DataError("this audit has no explanations; audit again with explain=True")
        return frame.read(source.attributions(), None, None, source="audit"), source.explanation.settings.scale
    if frame.is_frame(source):
        return read_table(source), None
    return None, None


def _from_table(
    table: Table, label: Label | None, scale: str | None, model: str | None, method: str | None
) -> AttributionSet:
    source = table.source
    for name in ("id", "word"):
        if name not in table.columns:
            raise DataError(
                f"{source}: no column {name!r}; a table of attributions needs id, word and a column of weights"
            )
    rows = list(range(table.rows))
    if "model" in table.columns:
        models = table.texts("model")
        chosen = _choice(model, list(dict.fromkeys(models)), "model", source)
        rows = [row for row in rows if models[row] == chosen]
        source = f"{source} ({chosen})"
    else:
        _without_effect(f"{source} (no column 'model')", model=model)
    described = {*_KEYS, *(place for cut in cuts().values() for place in cut.places)}
    methods = [
        name for name in table.columns if name not in described and not name.endswith("_error") and not names_rows(name)
    ]
    weights = table.values(_choice(method, methods, "method", source))
    keys, words = table.texts("id"), table.texts("word", missing="")
    row_labels = table.texts("label") if "label" in table.columns else None
    rows_of: dict[str, list[int]] = {}
    for before, row in zip([None, *rows], rows, strict=False):
        if keys[row] in rows_of and (before is None or keys[before] != keys[row]):
            raise DataError(
                f"{source}: {table.place(row)}: rows of item {keys[row]!r} are not contiguous; "
                "keep an item's rows together, in the order of its words"
            )
        rows_of.setdefault(keys[row], []).append(row)
    ids = tuple(rows_of)
    labels = None
    if row_labels is not None:
        for key, at in rows_of.items():
            several = list(dict.fromkeys(row_labels[row] for row in at))
            if len(several) > 1:
                raise LabelError(f"{source}: item {key!r} has rows of the labels {', '.join(several)}; keep one label")
        labels = tuple(row_labels[at[0]] for at in rows_of.values())
    return attribution_set(
        [[words[row] for row in at] for at in rows_of.values()],
        [_numbers([weights[row] for row in at], f"{source}: item {key!r}") for key, at in rows_of.items()],
        source=source,
        labels=_agreed(labels, label, len(ids), source, ids),
        scale=scale,
        ids=ids,
    )


def _choice(name: str | None, names: Sequence[str], kind: str, source: str) -> str:
    if name is None and len(names) == 1:
        return names[0]
    if name is None or name not in names:
        problem = f"no {kind} {name!r}" if name is not None else f"has several {kind}s" if names else f"has no {kind}"
        raise OptionError(f"{source}: {problem}; choose {kind}= from {', '.join(names) or 'nothing'}")
    return name


def _numbers(array: Any, where: str) -> NDArray[np.float64]:
    """The numbers of an array or tensor on any device; masked values are NaN."""
    for name in ("detach", "cpu", "double"):
        method = getattr(array, name, None)
        array = method() if callable(method) else array
    try:
        return np.asarray(np.ma.filled(np.ma.asarray(array, dtype=np.float64), np.nan))
    except (TypeError, ValueError):
        raise DataError(f"{where}: {shown(array)} is not an array of numbers") from None


def _one_each(label: Label, items: int, source: str) -> list[str | int]:
    """The label of each item."""
    if isinstance(label, str | int):
        return [label] * items
    if len(label) != items:
        raise LabelError(f"{source}: {len(label)} labels for {items} items; give one, or one per item")
    return list(label)


def _labels(label: Label, items: int, source: str) -> tuple[str, ...]:
    return tuple(str(name) for name in _one_each(label, items, source))


def _agreed(
    stated: tuple[str, ...] | None, label: Label | None, items: int, source: str, ids: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """The explained labels: those stated by the object or named by ``label``, which must be the same."""
    if label is None:
        return stated
    labels = _labels(label, items, source)
    for i, (explained, name) in enumerate(zip(stated or labels, labels, strict=True)):
        if explained != name:
            raise LabelError(f"{source}: {item_name(i, ids)} is explained for the label {explained!r}, not {name!r}")
    return labels
