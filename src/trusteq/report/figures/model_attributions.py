"""Every model's attributions of the explained items, and how much two models agree on each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.measures import METHODS
from trusteq.comparing.top_k import chance_jaccard, jaccard, top_k
from trusteq.comparing.weight_similarity import cosine
from trusteq.errors import RunError
from trusteq.explain.units import TOP
from trusteq.report.wording import unit_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence


@dataclass(frozen=True)
class ModelAttributions:
    """Every model's attributions of the explained items, from the whole plan, noise included.

    ids: of the items. lengths: their numbers of words [items]. values: by method [models, items, words], zero in the
    padding. k: how many words are in a top set. unit: what is called a word here.
    """

    ids: tuple[str, ...]
    lengths: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    k: int
    unit: str = "word"

    def of(self, ids: Collection[str]) -> ModelAttributions:
        """The same for these of the items."""
        at = np.array([i for i, id_ in enumerate(self.ids) if id_ in ids], dtype=np.int64)
        values = {method: own[:, at] for method, own in self.values.items()}
        return replace(self, ids=tuple(self.ids[i] for i in at), lengths=self.lengths[at], values=values)

    def cosine(self, method: str, first: int, second: int) -> NDArray[np.float64]:
        """The cosine of two models' attributions [items]; NaN where one is all 0."""
        a, b = self.values[method][[first, second]]
        return cosine(a, b, self.lengths)

    def jaccard(self, method: str, first: int, second: int) -> NDArray[np.float64]:
        """Jaccard of two models' top k words [items]."""
        a, b = self.values[method][[first, second]]
        return jaccard(top_k(a, self.lengths, self.k), top_k(b, self.lengths, self.k))

    @property
    def chance(self) -> NDArray[np.float64]:
        """Jaccard of two random sets of k of an item's words, exact [items]."""
        return chance_jaccard(self.lengths, self.k)


def model_attributions(evidence: Evidence) -> ModelAttributions | None:
    """The run's attributions; None where nothing was explained."""
    frame = evidence.attributions
    if frame is None or not len(frame):
        return None
    where = evidence.directory or "this audit"
    by_model = dict(iter(frame.groupby("model", sort=False)))
    if set(by_model) != set(evidence.models):
        raise RunError(f"{where}: attributions do not belong to its models; audit again")
    first = by_model[evidence.models[0]]
    item, ids = first["id"].factorize()
    lengths = np.bincount(item).astype(np.int64)
    column = np.concatenate([np.arange(n) for n in lengths])
    values = {}
    for method in METHODS:
        padded = np.zeros((len(evidence.models), len(lengths), int(lengths.max())))
        for model, name in zip(padded, evidence.models, strict=True):
            if not np.array_equal(by_model[name]["id"], first["id"]):
                raise RunError(f"{where}: attributions of {name!r} are incomplete; audit again")
            model[item, column] = by_model[name][method]
        values[method] = padded
    k = evidence.document.k or TOP
    return ModelAttributions(tuple(ids), lengths, values, k, unit_of(evidence.document))
