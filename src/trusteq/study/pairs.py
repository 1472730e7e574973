"""Every two models of an audit beside each other: how often they answer otherwise, and whether by the same words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from trusteq.compare.alignment import Explained, noise_free, top_sets
from trusteq.stats.estimate import Estimate  # noqa: TC001 - read where a study is
from trusteq.stats.resampling import Resampling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.record.audit import Audit

KEPT = (
    "alignment",
    "jaccard",
    "jaccard_chance",
    "jaccard_halves",
    "jaccard_halves_chance",
    "jaccard_ceiling_reference",
    "jaccard_adjusted",
)
"""What is kept of each method beside the disagreement; the first of the two models counts as the reference."""


@dataclass(frozen=True)
class PairMeasures:
    """Two models and their estimates, by name."""

    first: str
    second: str
    estimates: dict[str, Estimate]


def pair_measures(audit: Audit, peer: tuple[str, NDArray[np.float64]] | None = None) -> list[PairMeasures]:
    """All pairs of the audited models and, where there was one, the peer.

    peer: its name and its probabilities [items, labels] for the audit's items, in the order of the audit's labels.
    """
    answers = {model.name: audit.task.outcomes(model.rows, None).answer for model in audit.models}
    if peer is not None:
        answers[peer[0]] = peer[1].argmax(axis=1)
    names = tuple(answers)
    whole = _resampling(audit, np.arange(len(audit.items)))
    what = "share of items that the two models answer otherwise"
    found = [
        PairMeasures(a, b, {"disagreement": e})
        for a, b in combinations(names, 2)
        if (e := whole.share(answers[a] != answers[b], what=what)) is not None
    ]
    explanation = audit.explanation
    if explanation is None:
        return found
    spread, attributed = explanation.spread(), explanation.attributions()
    resampling = _resampling(audit, explanation.positions)
    for pair, (i, j) in zip(found, combinations(range(len(names)), 2), strict=True):
        for method, a in attributed.items():
            both = Explained(
                method, a[i], a[j], explanation.lengths, spread[i], spread[j], resampling, explanation.settings.k
            )
            measured = {**noise_free(both), **top_sets(both)}
            pair.estimates.update({f"{name}_{method}": e for name in KEPT if (e := measured.get(name)) is not None})
    return found


def _resampling(audit: Audit, at: NDArray[np.int64]) -> Resampling:
    """Resamples of the items at these positions, as the audit draws them."""
    return Resampling(
        len(at),
        clusters=None if audit.items.clusters is None else [audit.items.clusters[i] for i in at],
        resamples=int(audit.settings["resamples"]),
        seed=int(audit.settings["seed"]),
        level=audit.policy.level,
    )
