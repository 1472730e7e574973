"""What a run keeps of its explanations: plans, value tables and attributions, as columns of Parquet tables.

plan.parquet           one row a perturbation: item id, its mask (one character a unit, 1 kept), in which halves
values/*.parquet       one file a model: item id, and for each perturbation the log-probability of each label
attributions.parquet   one row an item, unit and model: word, span, attribution and standard error by method
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from trusteq.explain.explanation import Explanation
    from trusteq.result import Audit


def plan_columns(audit: Audit) -> dict[str, Any]:
    """One row a perturbation: in how many pairs of each half it is, and its mask."""
    explanation = _explanation(audit)
    columns: dict[str, list[Any]] = {"id": [], "mask": [], "first_half": [], "second_half": []}
    for position, plan in zip(explanation.positions, explanation.plans, strict=True):
        columns["id"] += [audit.items.ids[position]] * len(plan)
        columns["mask"] += ["".join("1" if kept else "0" for kept in mask) for mask in plan.masks]
        for name, half in zip(("first_half", "second_half"), plan.halves, strict=True):
            columns[name] += np.bincount(half.ravel(), minlength=len(plan)).tolist()
    return columns


def value_columns(audit: Audit, model: int) -> dict[str, Any]:
    """One model's log-probabilities, in the order of the plan's rows."""
    explanation = _explanation(audit)
    ids = [
        audit.items.ids[p] for p, plan in zip(explanation.positions, explanation.plans, strict=True) for _ in plan.masks
    ]
    table = np.concatenate(explanation.tables[model])
    return {"item id": ids, **{label: table[:, k] for k, label in enumerate(audit.labels)}}


def attribution_columns(audit: Audit) -> dict[str, Any]:
    """One row an item, unit and model."""
    explanation = _explanation(audit)
    found = explanation.attributions()
    lengths = explanation.lengths
    words = [word for units in explanation.units for word in units.words]
    spans = np.concatenate([units.spans[np.unique(units.unit, return_index=True)[1]] for units in explanation.units])
    ids = np.repeat([audit.items.ids[p] for p in explanation.positions], lengths)
    inside = np.arange(int(lengths.max())) < lengths[:, None]
    columns: dict[str, list[Any]] = {}
    for model, result in enumerate(audit.models):
        targets = np.array(audit.labels, dtype=object)[explanation.targets[model]]
        part: dict[str, Any] = {
            "id": ids,
            "model": [result.name] * len(words),
            "word": words,
            "segment": spans[:, 0],
            "start": spans[:, 1],
            "end": spans[:, 2],
            "label": np.repeat(targets, lengths),
        }
        for method, models in found.items():
            part[method] = models[model].whole[inside]
            part[f"{method}_error"] = models[model].error[inside]
        for name, values in part.items():
            columns.setdefault(name, []).extend(np.asarray(values).tolist())
    return columns


def _explanation(audit: Audit) -> Explanation:
    if audit.explanation is None:
        raise ValueError("this audit has no explanations")
    return audit.explanation
