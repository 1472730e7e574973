"""Reading attributions that were made elsewhere, by what their objects look like: no explainer is imported.

shap.Explanation   .values [items, units(, labels)] or ragged, .data or .feature_names, .output_names; as of shap 0.51
lime Explanation   .as_map() and .domain_mapper.indexed_string, a list with one an item; as of lime 0.2.0.1
tensor or array    .detach() or __array__, one an item or [items, units], beside ``units``; captum's results are tensors
table              a data frame, file, finished run or audit: one row an item and unit, as in attributions.parquet
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
    """Attributions from another tool, or from a run of ours, as one checked set.

    ``given`` is a `shap.Explanation`; a list of lime's explanations of texts; arrays or tensors beside ``units``, the
    words of each item; or a table like a run's ``attributions.parquet``: its path, a data frame, what
    `trusteq.load_run` returns, or an `Audit`. ``label`` names the explained label, of all items or one an item: needed
    where the object holds several. ``scale`` says what the attributions are shares of, if known: "probability",
    "log-odds". ``model`` and ``method`` choose from a table that holds several.
    """
    if isinstance(given, AttributionSet):
        _without_effect("an AttributionSet", units=units, label=label, scale=scale, model=model, method=method)
        return given
    table, stated = _as_table(given)
    if table is not None:
        _without_effect(table.source, units=units)
        if scale is not None and stated is not None and scale != stated:
            raise OptionError(f"{table.source}: explained on the scale {stated}, not {scale}; leave scale out")
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
        f"{type(given).__name__} {shown(given)} holds no attributions that can be read; give a shap.Explanation, lime "
        "explanations, arrays with units, a data frame or a Parquet file"
    )


def _without_effect(source: str, **options: object) -> None:
    for name, value in options.items():
        if value is not None:
            raise OptionError(f"{source}: {name} would be without effect; leave it out")


def _from_shap(
    given: Any, units: Sequence[Sequence[str]] | None, label: Label | None, scale: str | None
) -> AttributionSet:
    source = "shap.Explanation"
    data = given.data
    if data is not None and len(data) and all(np.ndim(x) == 0 for x in data):
        raise DataError(f"{source}: explains one item; give all items in one Explanation")
    rows = [_numbers(row, f"{source}: item {i + 1}") for i, row in enumerate(given.values)]
    if any(row.ndim > 2 for row in rows):
        raise DataError(f"{source}: values hold interactions ({list(rows[0].shape)} an item); give one value a unit")
    names = given.output_names
    labelled = [row.ndim == 2 for row in rows]
    if any(labelled):
        outputs = [] if names is None or isinstance(names, str) else [str(name) for name in names]
        if not all(labelled) or any(row.shape[1] != len(outputs) for row in rows):
            widths = sorted({row.shape[1] if row.ndim == 2 else 1 for row in rows})
            raise LabelError(
                f"{source}: values of {', '.join(map(str, widths))} labels an item, but output_names are {names!r}; "
                "name one output for each label"
            )
        if label is None and len(outputs) > 1:
            raise LabelError(f"{source}: explains the labels {', '.join(outputs)}; name one, e.g. label={outputs[0]!r}")
        wanted = _labels(outputs[0] if label is None else label, len(rows), source)
        for i, name in enumerate(wanted):
            if name not in outputs:
                raise LabelError(f"{source}: item {i + 1}: no label {name!r}; it explains {', '.join(outputs)}")
        rows = [row[:, outputs.index(name)] for row, name in zip(rows, wanted, strict=True)]
        labels: tuple[str, ...] | None = wanted
    else:
        own = (str(names),) * len(rows) if isinstance(names, str) else None
        labels = _agreed(own, label, len(rows), source, None)
    return attribution_set(units or _shap_units(given, rows, source), rows, source=source, labels=labels, scale=scale)


def _shap_units(given: Any, rows: Sequence[NDArray[np.float64]], source: str) -> list[list[str]]:
    """Each item's words, or the names of the columns."""
    data, names = given.data, given.feature_names
    if data is not None and all(isinstance(text, str) for words in data for text in words):
        return [list(words) for words in data]
    if names is not None and len(names) and all(isinstance(name, str) for name in names):
        return [list(names)] * len(rows)
    raise DataError(f"{source}: neither data nor feature_names hold texts; name the units of each item: units=...")


def _is_lime(given: object) -> bool:
    return hasattr(given, "as_map") and hasattr(given, "domain_mapper")


def _from_lime(explanations: Sequence[Any], label: Label | None, scale: str | None) -> AttributionSet:
    source = "lime explanations"
    wanted = [None] * len(explanations) if label is None else _one_each(label, len(explanations), source)
    units, rows, labels, weighed = [], [], [], []
    for i, (one, name) in enumerate(zip(explanations, wanted, strict=True)):
        where = f"{source}: item {i + 1}"
        indexed = getattr(one.domain_mapper, "indexed_string", None)
        if indexed is None:
            raise DataError(f"{where} does not explain a text; give its weights as arrays with units")
        words = [str(indexed.word(unit)) for unit in range(indexed.num_words())]
        weights = one.as_map()
        code = _lime_label(weights, getattr(one, "class_names", None), name, where)
        row = np.zeros(len(words))
        for unit, weight in weights[code]:
            row[int(unit)] = weight
        units.append(words)
        rows.append(row)
        labels.append(_lime_name(code, getattr(one, "class_names", None)))
        weighed.append(len(weights[code]))
    return attribution_set(units, rows, source=source, labels=tuple(labels), scale=scale, weighed=weighed)


def _lime_label(weights: Any, names: Sequence[str] | None, wanted: str | int | None, where: str) -> Any:
    """The key of the wanted label's weights; of the only one's where none is wanted."""
    known = {_lime_name(code, names): code for code in weights}
    if wanted is None:
        if len(known) != 1:
            raise LabelError(
                f"{where} explains the labels {', '.join(known)}; name one, e.g. label={next(iter(known))!r}"
            )
        return next(iter(weights))
    # LIME itself numbers labels; their names are what two models can share.
    code = known.get(wanted) if isinstance(wanted, str) else next((c for c in weights if c == wanted), None)
    if code is None:
        raise LabelError(
            f"{where}: label {wanted!r} is not explained, only {', '.join(known)}; explain it (labels=...)"
        )
    return code


def _lime_name(code: Any, names: Sequence[str] | None) -> str:
    return str(names[code]) if names is not None and 0 <= code < len(names) else str(code)


def _from_arrays(
    given: Any, units: Sequence[Sequence[str]] | None, label: Label | None, scale: str | None
) -> AttributionSet:
    source = "arrays" if isinstance(given, list | tuple) else type(given).__name__
    if units is None:
        raise OptionError(f"{source}: numbers without words cannot be compared; name the units of each item: units=...")
    padded = not isinstance(given, list | tuple) and getattr(given, "dtype", None) != np.dtype(object)
    if padded:
        matrix = _numbers(given, source)
        if matrix.ndim != 2:
            raise DataError(
                f"{source} has shape {list(matrix.shape)}; expected [items, units]: sum over embeddings, pick one label"
            )
        rows = [_unpadded(row, len(words)) for row, words in zip(matrix, units, strict=False)]
        rows += list(matrix[len(rows) :])
    else:
        rows = [_numbers(row, f"{source}: item {i + 1}") for i, row in enumerate(given)]
    labels = _agreed(None, label, len(rows), source, None)
    return attribution_set(units, rows, source=source, labels=labels, scale=scale)


def _unpadded(row: NDArray[np.float64], units: int) -> NDArray[np.float64]:
    """An item's own attributions where only zeros follow them."""
    return row if row[units:].any() else row[:units]


def _as_table(given: Any) -> tuple[Table | None, str | None]:
    """The table, if it is one, and the scale, if it is told beside it."""
    if isinstance(given, str | Path):
        if Path(given).is_dir():
            raise DataError(f"{given}: a folder; give trusteq.load_run({str(given)!r}), or its attributions.parquet")
        return read_table(given), None
    if hasattr(given, "manifest") and hasattr(given, "table"):  # a finished run
        explained = (given.manifest.get("settings") or {}).get("explain")
        if explained is None:
            raise DataError(f"{given.directory}: a run without explanations; audit again with them")
        return frame.read(given.table("attributions"), None, None, source=str(given.directory)), explained.get("scale")
    if hasattr(given, "explanation") and callable(getattr(given, "attributions", None)):  # an audit
        if given.explanation is None:
            raise DataError("this audit has no explanations; audit again with explain=True")
        return frame.read(given.attributions(), None, None, source="audit"), given.explanation.settings.scale
    if frame.is_frame(given):
        return read_table(given), None
    return None, None


def _from_table(
    table: Table, label: Label | None, scale: str | None, model: str | None, method: str | None
) -> AttributionSet:
    source = table.source
    for name in ("id", "word"):
        if name not in table.columns:
            raise DataError(
                f"{source}: no column {name!r}; a table of attributions has id, word and a column of weights"
            )
    rows = list(range(table.rows))
    if "model" in table.columns:
        models = table.texts("model")
        only = _choice(model, list(dict.fromkeys(models)), "model", source)
        rows = [row for row in rows if models[row] == only]
        source = f"{source} ({only})"
    else:
        _without_effect(f"{source} (no column 'model')", model=model)
    told = {*_KEYS, *(place for cut in cuts().values() for place in cut.places)}
    methods = [
        name for name in table.columns if name not in told and not name.endswith("_error") and not names_rows(name)
    ]
    weights = table.values(_choice(method, methods, "method", source))
    keys, words = table.texts("id"), table.texts("word", missing="")
    own = table.texts("label") if "label" in table.columns else None
    found: dict[str, list[int]] = {}
    for before, row in zip([None, *rows], rows, strict=False):
        if keys[row] in found and (before is None or keys[before] != keys[row]):
            raise DataError(
                f"{source}: {table.place(row)}: more of item {keys[row]!r}, whose rows ended before; "
                "keep an item's rows together, in the order of its words"
            )
        found.setdefault(keys[row], []).append(row)
    ids = tuple(found)
    labels = None
    if own is not None:
        for key, at in found.items():
            several = list(dict.fromkeys(own[row] for row in at))
            if len(several) > 1:
                raise LabelError(f"{source}: item {key!r} has rows of the labels {', '.join(several)}; keep one's")
        labels = tuple(own[at[0]] for at in found.values())
    return attribution_set(
        [[words[row] for row in at] for at in found.values()],
        [_numbers([weights[row] for row in at], f"{source}: item {key!r}") for key, at in found.items()],
        source=source,
        labels=_agreed(labels, label, len(ids), source, ids),
        scale=scale,
        ids=ids,
    )


def _choice(wanted: str | None, there: Sequence[str], what: str, source: str) -> str:
    if wanted is None and len(there) == 1:
        return there[0]
    if wanted is None or wanted not in there:
        problem = f"no {what} {wanted!r}" if wanted is not None else "holds several" if there else f"names no {what}"
        raise OptionError(f"{source}: {problem}; choose {what}= from {', '.join(there) or 'nothing'}")
    return wanted


def _numbers(given: Any, where: str) -> NDArray[np.float64]:
    """The numbers of an array or tensor, wherever it lives; what a mask hides is NaN."""
    for step in ("detach", "cpu", "double"):
        move = getattr(given, step, None)
        given = move() if callable(move) else given
    try:
        return np.asarray(np.ma.filled(np.ma.asarray(given, dtype=np.float64), np.nan))
    except (TypeError, ValueError):
        raise DataError(f"{where}: {shown(given)} is not an array of numbers") from None


def _one_each(label: Label, items: int, source: str) -> list[str | int]:
    """The label of each item."""
    if isinstance(label, str | int):
        return [label] * items
    if len(label) != items:
        raise LabelError(f"{source}: {len(label)} labels for {items} items; name one, or one an item")
    return list(label)


def _labels(label: Label, items: int, source: str) -> tuple[str, ...]:
    return tuple(str(name) for name in _one_each(label, items, source))


def _agreed(
    own: tuple[str, ...] | None, label: Label | None, items: int, source: str, ids: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """The labels explained: those the object states, which a label that was named must be."""
    if label is None:
        return own
    named = _labels(label, items, source)
    for i, (stated, name) in enumerate(zip(own or named, named, strict=True)):
        if stated != name:
            raise LabelError(f"{source}: {item_name(i, ids)} is explained for the label {stated!r}, not {name!r}")
    return named
