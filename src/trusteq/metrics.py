"""Measures one by one, called as those of Hugging Face's evaluate are, which is not needed.

    from trusteq.metrics import load

    load("disagreement").compute(predictions1=p_large, predictions2=p_small)
    load("smooth_ece").compute(predictions=p_small, references=y)

A measure of two models is what evaluate calls a comparison: of a large and a small model's predictions. One of a
single model is a metric, and has the name of the measure without ``_reference`` or ``_candidate``. Predictions are
probabilities, one row an item. Each result has its interval and n: the very numbers of `trusteq.compare`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trusteq.comparing.measures import MEASURES, NEEDS, Measure, added
from trusteq.data.readers import is_table, read_table
from trusteq.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.stats.estimate import Estimate

__all__ = ["Metric", "load", "names"]

_MET = frozenset({"labels", "distribution"})
"""What predictions of classes and gold labels can meet of a measure's needs."""


@cache
def _entries() -> dict[str, Measure]:
    """Each measure that predictions of classes have, by the name that it has here."""
    own = [m for m in (*MEASURES, *added().values()) if m.dimension in ("behaviour", "calibration")]
    able = [m for m in own if _MET.issuperset(m.needs)]
    alone = {m.stem: m for m in able if m.side == "candidate"}
    return {**{m.name: m for m in able if m.side not in ("reference", "candidate")}, **alone}


def names() -> tuple[str, ...]:
    """The names of all measures that can be loaded."""
    return tuple(sorted(_entries()))


def load(name: str) -> Metric:
    """The measure of this name, ready to compute."""
    measure = _entries().get(name)
    if measure is None:
        similar = difflib.get_close_matches(name, names(), n=1)
        hint = f"; did you mean {similar[0]}?" if similar else "; trusteq.metrics.names() lists them"
        raise OptionError(f"no measure {name!r} of predictions{hint}")
    return Metric(name, measure)


@dataclass
class Metric:
    """One measure, with the methods that a module of evaluate has."""

    name: str
    measure: Measure = field(repr=False)
    _parts: list[dict[str, Any]] = field(default_factory=list, init=False, repr=False)

    @property
    def module_type(self) -> Literal["metric", "comparison"]:
        """Whether it measures one model or compares two."""
        return "metric" if self.measure.side == "candidate" else "comparison"

    @property
    def description(self) -> str:
        """Its name in words, and what it needs."""
        needed = ", ".join(NEEDS[need] for need in self.measure.needs)
        words = self.measure.heading if self.module_type == "comparison" else self.measure.words
        return f"{words} ({self.measure.dimension})" + (f"; needs {needed}" if needed else "")

    def _feature_names(self) -> list[str]:
        """The inputs; `evaluate.combine` asks so."""
        models = ["predictions"] if self.module_type == "metric" else ["predictions1", "predictions2"]
        return [*models, "references"]

    def add_batch(self, **batch: Any) -> None:
        """Keep the predictions and references of some items until `compute`."""
        self._refuse_others(batch)
        if self._parts and set(batch) != set(self._parts[0]):
            raise OptionError(f"measure {self.name}: every batch needs {', '.join(self._parts[0])}, as the first has")
        self._parts.append(batch)

    def compute(
        self,
        *,
        labels: Sequence[Any] | None = None,
        scores: Literal["probabilities", "logits"] = "probabilities",
        resamples: int = 2000,
        seed: int = 0,
        **inputs: Any,
    ) -> dict[str, float]:
        """The estimate by its name, with ``_low``, ``_high`` and ``_n`` beside it; of these inputs, or of the batches.

        Inputs are ``predictions``, or ``predictions1`` (the large model's) and ``predictions2``, and ``references``,
        the gold labels; labels, scores, resamples and seed are as in `trusteq.compare`.
        """
        self._refuse_others(inputs)
        if self._parts:
            if any(value is not None for value in inputs.values()):
                raise OptionError(f"measure {self.name}: there are batches already; compute them without inputs")
            inputs = {name: _joined([part[name] for part in self._parts], name) for name in self._parts[0]}
            self._parts.clear()
        *models, gold = (inputs.get(name) for name in self._feature_names())
        for name, given in zip(self._feature_names(), models, strict=False):
            if given is None:
                raise OptionError(f"measure {self.name}: needs {name}, the probabilities of a model [items, labels]")
        if gold is None and "labels" in self.measure.needs:
            raise OptionError(f"measure {self.name}: needs references, the gold labels of the items")
        e = _estimate(self.measure, models[0], models[-1], gold, labels, scores, resamples, seed)
        ends = {"": e.value, "_low": e.low, "_high": e.high, "_n": float(e.n)}
        return {f"{self.name}{end}": value for end, value in ends.items()}

    def _refuse_others(self, given: dict[str, Any]) -> None:
        for name in given:
            if name not in self._feature_names():
                raise OptionError(f"measure {self.name}: takes {', '.join(self._feature_names())}, not {name}")


def _joined(parts: Sequence[Any], name: str) -> Any:
    """The batches' rows as one input: data frames by the names of their columns, all else by position."""
    missing = [part is None for part in parts]
    if any(missing):
        if not all(missing):
            raise OptionError(f"{name}: some batches have them and some do not; give them with every batch")
        return None
    if not any(map(is_table, parts)):
        return np.concatenate([np.asarray(part.detach() if hasattr(part, "detach") else part) for part in parts])
    tables = [read_table(part) if is_table(part) else None for part in parts]
    columns = tables[0].columns.keys() if tables[0] is not None else set()
    if any(table is None or table.columns.keys() != columns for table in tables):
        raise OptionError(f"{name}: batches must all be data frames with the same columns, or none")
    import pandas as pd

    return pd.DataFrame({one: [v for t in tables if t is not None for v in t.values(one)] for one in columns})


def _estimate(
    measure: Measure,
    large: Any,
    small: Any,
    gold: Any,
    labels: Sequence[Any] | None,
    scores: Literal["probabilities", "logits"],
    resamples: int,
    seed: int,
) -> Estimate:
    """The one measure of a pair of models' predictions, as an audit of them has it."""
    from trusteq.auditing.audit import by_id
    from trusteq.auditing.in_memory import given
    from trusteq.comparing.answers import Answers, Pair
    from trusteq.comparing.compute_measures import groups_for, measured_by
    from trusteq.data.score_table import label_texts
    from trusteq.models.probe import predict_all
    from trusteq.models.traits import task_of
    from trusteq.stats.limits import refuse_too_few, within_limits
    from trusteq.stats.resampling import Resampling

    named = None if labels is None else label_texts(labels)
    reference, (candidate,), items = given(large, small, gold, labels=named, scores=scores)
    order = by_id(items.ids)  # resamples are of items in this order, as in an audit
    task = task_of(reference)
    resampling = Resampling(
        len(items), resamples=within_limits("resamples", resamples), seed=within_limits("seed", seed)
    )
    refuse_too_few(resampling.resamples, resampling.level)
    answers = []
    for model in (reference, candidate):
        rows = task.checked(predict_all(model, items), items=items, labels=model.labels, model=model.name)
        rows = task.in_order(rows, model.labels, reference.labels, model=model.name, reference=reference.name)
        outcomes = task.outcomes(rows.take(order), task.gold(items.take(order), reference.labels), reference.labels)
        answers.append(Answers(outcomes, resampling))
    pair = Pair(*answers)
    group = {function: all_ for function, all_ in groups_for(pair, list(added().values())).items() if measure in all_}
    return measured_by(pair, group)[measure.dimension][measure.name]
