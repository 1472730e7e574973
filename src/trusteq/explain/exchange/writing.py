"""trusteq's attributions in the formats of other tools."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.comparing.measures import METHODS
from trusteq.errors import MissingExtraError, OptionError
from trusteq.explain.attributions import attributions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.explain.explanation import Explanation
    from trusteq.record.audit import Audit


def to_shap(audit: Audit, model: str, *, method: str = "shapley") -> Any:
    """A model's attributions for every label as a `shap.Explanation`, for shap's plots; needs shap."""
    if audit.explanation is None:
        raise OptionError("this audit has no explanations; audit again with explain=True")
    names = [result.name for result in audit.models]
    if model not in names:
        raise OptionError(f"no model {model!r}; choose from {', '.join(names)}")
    return explanation_to_shap(audit.explanation, names.index(model), audit.labels, method=method)


def explanation_to_shap(explanation: Explanation, model: int, labels: Sequence[str], *, method: str = "shapley") -> Any:
    """The ``model``-th model's attributions as a `shap.Explanation`.

    values: one array [units, labels] per item. base_values: the values without any unit [items, labels]; together with
    them, Shapley values sum to the model's answer, LIME's weights do not. data: the units' names.
    """
    if method not in METHODS:
        raise OptionError(f"no method {method!r}; choose from {', '.join(METHODS)}")
    try:
        shap = importlib.import_module("shap")
    except ModuleNotFoundError:
        raise MissingExtraError("a shap.Explanation", package="shap") from None
    tables = [
        np.stack([explanation.value(table, label) for label in range(len(labels))], axis=1)
        for table in explanation.tables[model]
    ]
    values = np.stack([a.whole for a in attributions(explanation.plans, tables, method)], axis=2)
    return shap.Explanation(
        values=_ragged([values[i, :n] for i, n in enumerate(explanation.lengths)]),
        base_values=np.stack([t[p.nothing].mean(axis=0) for p, t in zip(explanation.plans, tables, strict=True)]),
        data=tuple(np.array(units.names, dtype=object) for units in explanation.units),
        output_names=list(labels),
    )


def _ragged(rows: Sequence[NDArray[np.float64]]) -> NDArray[np.object_]:
    """One array per item [items], even if all have the same shape."""
    ragged = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        ragged[i] = row
    return ragged
