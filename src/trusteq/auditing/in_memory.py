"""The audit of predictions that are in memory: arrays, data frames or lists, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from trusteq.auditing.audit import audit
from trusteq.data.frame import refuse_other_order
from trusteq.data.gold import gold_codes, values_of
from trusteq.data.id_columns import read_with_ids
from trusteq.data.items import Items
from trusteq.data.readers import is_table, read_table
from trusteq.data.score_table import is_named, label_texts
from trusteq.data.table import Table
from trusteq.errors import DataError, LabelError, OptionError
from trusteq.models.prediction_file import stored_predictions
from trusteq.policy import PRESETS, preset, read_policy
from trusteq.stats.resampling import RESAMPLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trusteq.models.prediction_file import PredictionFile
    from trusteq.policy import Policy
    from trusteq.record.audit import Audit


def compare(
    p_large: Any,
    p_small: Any | Mapping[str, Any],
    y: Any = None,
    *,
    labels: Sequence[Any] | None = None,
    scores: Literal["probabilities", "logits"] = "probabilities",
    names: Sequence[str] = (),
    ids: Sequence[Any] | None = None,
    slices: Any | None = None,
    clusters: Sequence[Any] | None = None,
    policy: str | Path | Policy | Mapping[str, Any] = "default",
    dimensions: str | Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    allow_same: bool = False,
) -> Audit:
    """The audit of a small model's predictions against a large one's, with the gold labels ``y`` if there are any.

    Predictions are probabilities [items, labels]: an array, a list of rows, or a data frame (of pandas, polars or
    pyarrow) whose columns are named after the labels. A single column, such as ``predict_proba(X)[:, 1]``, has the
    probability of the second of two labels. Several candidates are a mapping from their names to their predictions.
    With ``scores="logits"``, all are logits; what looks like the other of the two is refused.

    ``labels`` names the columns of arrays, in order, and says which columns of data frames are labels; without it, an
    array's labels are "0", "1", ... ``y`` has one value per item: names of labels, or positions from 0 where not all
    values are names. Without ``y``, only what needs no gold labels is measured.

    Rows are matched by position; those of a data frame (``slices``, too) that shares a column of ids with ``p_large``,
    by this.
    ``ids`` names the items, ``clusters`` says which of them belong together, and ``slices`` is a mapping or a data
    frame of columns to slice by, beside the label, the answer and the confidence; by default nothing is sliced.
    ``names`` are the models' own, the large one's first.

    Predictions alone cannot be explained, so of a preset's dimensions EQUIVALENT requires the others, as the report
    says. A policy of your own means what it says, and ``dimensions`` chooses; what is required but not measured is
    never EQUIVALENT.
    """
    rules = read_policy(policy)
    if dimensions is None and rules in map(preset, PRESETS):
        dimensions = tuple(name for name in rules.required if name != "explanation") or rules.required
    reference, candidates, items = given(
        p_large,
        p_small,
        y,
        labels=None if labels is None else label_texts(labels),
        scores=scores,
        names=names,
        ids=ids,
        slices=slices,
        clusters=clusters,
    )
    return audit(
        reference,
        {model.name: model for model in candidates},
        items,
        policy=rules,
        dimensions=dimensions,
        resamples=resamples,
        seed=seed,
        with_slices=slices is not None,
        allow_same=allow_same,
        costs="none",
    )


def given(
    p_large: Any,
    p_small: Any,
    y: Any = None,
    *,
    labels: tuple[str, ...] | None = None,
    scores: Literal["probabilities", "logits"] = "probabilities",
    names: Sequence[str] = (),
    ids: Any = None,
    slices: Any = None,
    clusters: Any = None,
) -> tuple[PredictionFile, list[PredictionFile], Items]:
    """The reference, the candidates and the items that an audit needs, from what `compare` takes."""
    if scores not in ("probabilities", "logits"):
        raise OptionError(f"scores is {scores!r}; use 'probabilities' or 'logits'")
    predictions = _by_name(p_large, p_small, names)
    _refuse_half_named(predictions, labels)
    by_column = {} if is_table(slices) or not isinstance(slices, Mapping) else slices
    refuse_other_order(
        {**predictions, "y": y, "ids": ids, "clusters": clusters, "slices": slices}
        | {f"slices[{column!r}]": values for column, values in by_column.items()}
    )
    known, columns = (
        [name for value in values if isinstance(name := getattr(value, "name", None), str)]
        for values in ((y, clusters), (y, ids, clusters))
    )
    id_column = _id_column(p_large, {*known, *(labels or ())})
    others = list(predictions.values())[1:]
    if ids is not None and not any(is_named(one) and id_column in read_table(one).columns for one in others):
        id_column = None  # nothing is matched by it
    reference, *candidates = (
        _model(one, name=name, labels=labels, scores=scores, id=id_column, columns=columns)
        for name, one in predictions.items()
    )
    named = labels is not None or is_named(p_large)
    items = _items(reference, y, ids, slices, clusters, id_column=id_column, named=named)
    return reference, candidates, items


def _by_name(p_large: Any, p_small: Any, names: Sequence[str]) -> dict[str, Any]:
    """Each model's predictions by its name, the reference's first."""
    several = isinstance(p_small, Mapping) and not is_table(p_small)
    others = dict(p_small) if several else {"candidate": p_small}
    usual = ("reference", *others)
    chosen = (names,) if isinstance(names, str) else tuple(names)
    expected = 1 if several else 2
    if chosen and len(chosen) != expected:
        what = "the reference; the mapping names the candidates" if several else "the reference and the candidate"
        raise OptionError(f"names has {len(chosen)} names, {', '.join(map(repr, chosen))}; name {what}")
    used = (*chosen, *usual[len(chosen) :])
    if len(set(used)) < len(used):
        twice = next(name for name in used if used.count(name) > 1)
        raise OptionError(f"two models are named {twice!r}; give them different names")
    return dict(zip(used, (p_large, *others.values()), strict=True))


def _model(
    predictions: Any,
    *,
    name: str,
    labels: tuple[str, ...] | None,
    scores: Literal["probabilities", "logits"],
    id: str | None,  # noqa: A002
    columns: Sequence[str],
) -> PredictionFile:
    """The predictions as a model, whose rows are matched by the column ``id`` if they have it, else by position.

    ``columns`` are the names of what is known of the items, which a data frame may repeat.
    """
    table = read_table(predictions) if is_named(predictions) else None
    has_ids = table is not None and id in table.columns
    matched: dict[str, Any] = {"id": id} if has_ids else {"by_row": True}
    repeated = () if table is None else tuple(name for name in columns if _holds_no_scores(table, name))
    return stored_predictions(predictions, name=name, labels=labels, scores=scores, not_labels=repeated, **matched)


def _holds_no_scores(table: Table, name: str) -> bool:
    """Whether a column is there but holds texts or whole numbers, such as codes: a label may have the same name."""
    values = [] if name not in table.columns else table.values(name)
    return bool(values) and all(not isinstance(value, int | float) or value % 1 == 0 for value in values)


def _items(
    reference: PredictionFile,
    y: Any,
    ids: Any,
    slices: Any,
    clusters: Any,
    *,
    id_column: str | None,
    named: bool,
) -> Items:
    """What is known of the items, one for each row of the reference."""
    table: Any = reference.path

    def texts(values: Any, what: str, missing: str | None = None) -> list[str]:
        return Table(what, {what: values_of(values, what, table.rows)}, table.rows).texts(what, missing=missing)

    if id_column is not None:
        own_ids = table.ids(id_column)
        if ids is not None and texts(ids, "ids") != own_ids:
            raise DataError(
                f"ids: differ from the reference's column {id_column!r}, by which rows are matched; leave ids out, or "
                "drop that column from every data frame"
            )
    elif ids is not None:
        own_ids = texts(ids, "ids")
        if len(set(own_ids)) < len(own_ids):
            twice = next(one for one in own_ids if own_ids.count(one) > 1)
            raise DataError(f"ids: {twice!r} appears twice; each item needs an id of its own")
    else:
        own_ids = [str(row + 1) for row in range(table.rows)]
    return Items(
        ids=own_ids,
        labels=None if y is None else gold_codes(y, reference.labels, table.rows, named=named),
        label_names=() if y is None else reference.labels,
        columns={
            str(name): texts(values, str(name), "(missing)")
            for name, values in _columns(slices, id_column, own_ids).items()
        },
        clusters=None if clusters is None else texts(clusters, "clusters"),
        source="predictions in memory",
        id_column=id_column,
        label_column=getattr(y, "name", None) if isinstance(getattr(y, "name", None), str) else None,
    )


def _columns(slices: Any, id_column: str | None, ids: Sequence[str]) -> Mapping[str, Any]:
    """The columns to slice by, in the order of the items."""
    if slices is None:
        return {}
    if is_table(slices):
        table = read_table(slices)
        found = {name: table.values(name) for name in table.columns if name != id_column}
        if id_column is None or id_column not in table.columns:
            return found
        row = {own: at for at, own in enumerate(table.ids(id_column))}
        if row.keys() != set(ids):
            raise DataError(f"slices: its column {id_column!r} has not the same ids as that of the predictions")
        return {name: [values[row[own]] for own in ids] for name, values in found.items()}
    if not isinstance(slices, Mapping):
        raise OptionError(f"slices is a {type(slices).__name__}; give a mapping or a data frame of columns")
    return slices


def _id_column(predictions: Any, others: set[str]) -> str | None:
    """The reference's column of ids, if it is a data frame with one."""
    if not is_named(predictions):
        return None
    table = read_table(predictions)
    _, found = read_with_ids(partial(read_table, table), [], [name for name in table.columns if name not in others])
    return found


def _refuse_half_named(predictions: Mapping[str, Any], labels: tuple[str, ...] | None) -> None:
    """Stop if only some of the models name their labels, so that columns would be matched by guess."""
    by_names = {is_named(one): name for name, one in predictions.items()}
    if labels is None and len(by_names) == 2:
        raise LabelError(
            f"{by_names[True]} names its labels and {by_names[False]} does not; give labels=[...] in the order of its "
            "columns, or data frames for both"
        )
