"""What a run keeps of its explanations: plans, value tables and attributions, as columns of Parquet tables.

plan.parquet           one row per perturbation: item id, its mask (one character per unit, 1 if kept), in which halves,
                       and which row of the background stands in for what is left out, where there is one
values/*.parquet       one file per model: item id, and for each perturbation the log-probability of each label
                       (where items have options, a row for each option)
sentences.parquet      if sentences were left out before words: the reference's answers to that, as in values/*.parquet
removed/*.parquet      the same for each complete item, without the top words of each model, and without random ones
attributions.parquet   one row per item, unit and model: name, place, attribution and standard error by method
agreement.parquet      one row per item, candidate and method: every score of agreement, and what chance would give
words.parquet          one row per candidate and word: how much both models lean on it
top_words.parquet      under the published protocol: one row per model, method, run and item, with its top words
top_patches.parquet    under the protocol for vision transformers: one row per model, method and item: rows and columns
                       of the grid, where it lies on the mask, and the top patches
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.comparing.agreement_scores import SCORES
from trusteq.errors import OptionError
from trusteq.explain.patches import PublishedPatches
from trusteq.explain.protocol import Published

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.explain.explanation import Explanation
    from trusteq.record.audit import Audit


OUTLINED = "sentences"
"""The table of the reference's answers without sentences."""

DRAWN = "background_row"
"""The column of plan.parquet with the row of the background that stands in for the units left out, from 0."""

EDGES = ("left", "top", "right", "bottom")
"""The columns of top_patches.parquet that say where a grid lies on the mask."""

LOG_PROBABILITY = "log_probability"
"""The column of an option's value, where items have options."""


def plan_columns(audit: Audit) -> dict[str, Any]:
    """One row per perturbation: its mask, and in how many pairs of each half it is."""
    explanation = _explanation(audit)
    columns: dict[str, list[Any]] = {"id": [], "mask": [], "first_half": [], "second_half": []}
    for position, plan in zip(explanation.positions, explanation.plans, strict=True):
        columns["id"] += [audit.items.ids[position]] * len(plan)
        columns["mask"] += ["".join("1" if kept else "0" for kept in mask) for mask in plan.masks]
        for name, half in zip(("first_half", "second_half"), plan.halves, strict=True):
            columns[name] += np.bincount(half.ravel(), minlength=len(plan)).tolist()
    if explanation.settings.background:
        drawn = [plan.drawn for plan in explanation.plans if plan.drawn is not None]
        columns[DRAWN] = np.concatenate(drawn).tolist()
    return columns


def value_columns(audit: Audit, model: int) -> dict[str, Any]:
    """One model's log-probabilities, in the order of the plan's rows."""
    explanation = _explanation(audit)
    ids = [
        audit.items.ids[p] for p, plan in zip(explanation.positions, explanation.plans, strict=True) for _ in plan.masks
    ]
    return _answers(audit, ids, explanation.tables[model])


def outlined_columns(audit: Audit) -> dict[str, Any]:
    """The reference's log-probabilities without sentences, in the order of the rows of their plans."""
    explanation = _explanation(audit)
    tables = {p: t for p, t in zip(explanation.positions.tolist(), explanation.outlined, strict=True) if t is not None}
    return _answers(audit, [audit.items.ids[p] for p, table in tables.items() for _ in table], list(tables.values()))


def removed_columns(audit: Audit, model: int) -> dict[str, Any]:
    """One model's log-probabilities for each complete item, without each model's top words, and without random ones."""
    explanation = _explanation(audit)
    tables = explanation.removed[model]
    ids = [audit.items.ids[p] for p, table in zip(explanation.positions, tables, strict=True) for _ in table]
    return _answers(audit, ids, tables)


def _answers(audit: Audit, ids: list[str], tables: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    """A row for each of the ids, one per row of the tables; where items have options, a row for each option."""
    name = "id" if "id" not in audit.labels else "item id"
    if not audit.task.one_row:
        of_row = np.concatenate([np.full(len(table), table.shape[1]) for table in tables])
        repeated = np.repeat(np.array(ids, dtype=object), of_row)
        return {name: repeated, LOG_PROBABILITY: np.concatenate([table.ravel() for table in tables])}
    table = np.concatenate(tables)
    return {name: ids, **{label: table[:, k] for k, label in enumerate(audit.labels)}}


def attribution_columns(audit: Audit) -> dict[str, Any]:
    """One row per item, unit and model."""
    explanation = _explanation(audit)
    by_method = explanation.attributions()
    lengths = explanation.lengths
    words = [name for units in explanation.units for name in units.names]
    segments = np.concatenate([units.segments for units in explanation.units])
    by_item = [units.places for units in explanation.units]
    places = {name: np.concatenate([item[name] for item in by_item]) for name in by_item[0]}
    # As objects, because an array of texts is as wide as the longest and drops zero characters at their ends.
    ids = np.repeat(np.array([audit.items.ids[p] for p in explanation.positions], dtype=object), lengths)
    inside = np.arange(int(lengths.max())) < lengths[:, None]
    texts = np.array(words, dtype=object)
    columns: dict[str, list[NDArray[Any]]] = {}
    for model, result in enumerate(audit.models):
        texts_of = audit.task.answer_texts
        targets = texts_of(explanation.targets[model], explanation.positions, audit.items, audit.labels)
        part: dict[str, Any] = {
            "id": ids,
            "model": np.repeat(np.array([result.name], dtype=object), len(words)),
            "word": texts,
            "segment": segments,
            **places,
            "label": np.repeat(np.array(targets, dtype=object), lengths),
        }
        for method, models in by_method.items():
            part[method] = models[model].whole[inside]
            part[f"{method}_error"] = models[model].error[inside]
        for name, values in part.items():
            columns.setdefault(name, []).append(values)
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def word_columns(audit: Audit) -> dict[str, Any]:
    """One row per candidate and tested word: how much both models lean on it."""
    rows = [(c.name, row) for c in audit.comparisons if c.words is not None for row in c.words.rows]
    names = ["word", "items", "occurrences", "lean_reference", "lean_candidate", "signed_reference"]
    names += ["signed_candidate", "p_value", "q_value"]
    columns: dict[str, Any] = {"candidate": [name for name, _ in rows]}
    columns |= {name: [getattr(row, name) for _, row in rows] for name in names}
    for name in ("lean_difference", "signed_difference"):
        for end in ("value", "low", "high"):
            columns[name if end == "value" else f"{name}_{end}"] = [getattr(getattr(row, name), end) for _, row in rows]
    return columns


def agreement_columns(audit: Audit) -> dict[str, Any]:
    """One row per item, candidate and method: every score from all masks, and its chance level where known."""
    explanation = _explanation(audit)
    lengths, k = explanation.lengths, explanation.settings.top
    ids = [audit.items.ids[p] for p in explanation.positions]
    parts: dict[str, list[Any]] = {"id": [], "candidate": [], "method": [], "words": []}
    for method, models in explanation.attributions().items():
        for candidate, attributed in zip(audit, models[1:], strict=False):  # the peer, which is last, is left out
            parts["id"] += ids
            parts["candidate"] += [candidate] * len(ids)
            parts["method"] += [method] * len(ids)
            parts["words"] += lengths.tolist()
            for name, score in SCORES.items():
                parts.setdefault(name, []).extend(score.of(models[0].whole, attributed.whole, lengths, k))
                if score.chance is not None:
                    parts.setdefault(f"{name}_chance", []).extend(score.chance(lengths, k))
    return parts


def top_word_columns(audit: Audit) -> dict[str, Any]:
    """One row per model, method, run and item: its top words, the most important first."""
    published = audit.published
    if not isinstance(published, Published):
        raise OptionError('this audit followed no published protocol; audit again with protocol="paper"')
    ids = [audit.items.ids[position] for position in published.positions]
    columns: dict[str, list[Any]] = {"id": [], "model": [], "method": [], "run": [], "words": []}
    for method, models in published.tops.items():
        for model, runs in zip(audit.models, models, strict=True):
            for run, words in enumerate(runs, 1):
                columns["id"] += ids
                columns["model"] += [model.name] * len(ids)
                columns["method"] += [method] * len(ids)
                columns["run"] += [run] * len(ids)
                columns["words"] += [list(top) for top in words]
    return columns


def top_patch_columns(audit: Audit) -> dict[str, Any]:
    """One row per model, method and item: its grid, where that lies, and its top patches, the most important first."""
    published = audit.published
    if not isinstance(published, PublishedPatches):
        raise OptionError('this audit explained no patches; audit again with protocol="paper-vit"')
    columns: dict[str, list[Any]] = {
        name: [] for name in ("id", "model", "method", "rows", "columns", *EDGES, "patches")
    }
    for method, models in published.tops.items():
        ids = [audit.items.ids[position] for position in published.positions[method]]
        for model, top in zip(audit.models, models, strict=True):
            for name, value in (
                ("model", model.name),
                ("method", method),
                ("rows", top.grid[0]),
                ("columns", top.grid[1]),
            ):
                columns[name] += [value] * len(ids)
            columns["id"] += ids
            for name, edge in zip(EDGES, top.areas.T.tolist(), strict=True):
                columns[name] += edge
            columns["patches"] += top.patches.tolist()
    return columns


def _explanation(audit: Audit) -> Explanation:
    if audit.explanation is None:
        raise OptionError("this audit has no explanations; audit again with explain=True")
    return audit.explanation
