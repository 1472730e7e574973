"""The explained items' masks and what each model answered on them, from the files of a run.

They are what attributions are computed from, of the whole plan and of both its halves.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.explain.explanation import ExplainSettings
    from trusteq.explain.plan import Plan
    from trusteq.record.evidence import Evidence


@dataclass(frozen=True)
class MaskValues:
    """What explanations are computed from.

    ids: of the explained items. plans: of their masks. values: by model, each item's values of the explained label
    [masks].
    """

    settings: ExplainSettings
    ids: tuple[str, ...]
    plans: tuple[Plan, ...]
    values: dict[str, list[NDArray[np.float64]]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Units of each item [items]."""
        return np.array([plan.units for plan in self.plans], dtype=np.int64)

    def of(self, ids: Sequence[str]) -> MaskValues:
        """The same for these of the explained items."""
        place = {id_: i for i, id_ in enumerate(self.ids)}
        at = [place[id_] for id_ in ids]
        values = {name: [own[i] for i in at] for name, own in self.values.items()}
        return MaskValues(self.settings, tuple(ids), tuple(self.plans[i] for i in at), values)


def mask_values(evidence: Evidence) -> MaskValues | None:
    """The run's plans and values; None where it has none, or where this trusteq would draw other plans."""
    summary, settings = evidence.document.explanation, evidence.document.settings["explain"]
    table, plan = evidence.attributions, evidence.table("plan")
    if summary is None or settings is None or table is None or plan is None:
        return None
    # Not by pandas, whose groups mix ids that differ only after a zero character.
    lengths: dict[str, int] = {}
    targets: dict[tuple[str, str], str] = {}
    for id_, model, label in zip(table["id"], table["model"], table["label"], strict=True):
        targets[model, id_] = label
        if model == evidence.models[0]:
            lengths[id_] = lengths.get(id_, 0) + 1
    seed = int(evidence.document.settings["seed"])
    plans = [replace(settings, until="end").plan(id_, n, seed=seed) for id_, n in lengths.items()]
    if hashlib.sha256("".join(drawn.content() for drawn in plans).encode()).hexdigest() != summary.plan:
        return None
    ends = np.cumsum([len(drawn) for drawn in plans])
    if ends[-1] != len(plan):
        return None
    files = {model["name"]: model["predictions"] for model in evidence.manifest["models"]}
    values = {}
    for name in evidence.models:
        frame = evidence.table(files[name].removesuffix(".parquet").replace("predictions/", "values/", 1))
        if frame is None or len(frame) != ends[-1]:
            return None
        labels = [targets.get((name, id_)) for id_ in lengths]
        if not set(labels) <= set(evidence.labels):
            return None
        answers = frame[list(evidence.labels)].to_numpy(dtype=np.float64)
        values[name] = [
            evidence.task.value(part, evidence.labels.index(str(label)), settings.scale or evidence.task.scale)
            for label, part in zip(labels, np.split(answers, ends[:-1]), strict=True)
        ]
    return MaskValues(settings, tuple(lengths), tuple(plans), values)
