"""Every two models of an audit beside each other: whether they look at the same words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from trusteq.compare.alignment import Explained, noise_free, top_sets
from trusteq.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.result import Audit
    from trusteq.stats.estimate import Estimate

KEPT = ("alignment", "jaccard", "jaccard_chance", "jaccard_halves", "jaccard_ceiling_reference", "jaccard_adjusted")
"""What is kept of each method; the first of the two models counts as the reference."""


@dataclass(frozen=True)
class PairMeasures:
    """Two models and their estimates, by name."""

    first: str
    second: str
    estimates: dict[str, Estimate]


def pair_measures(audit: Audit, names: Sequence[str]) -> list[PairMeasures]:
    """All pairs of the explained models, whose names these are, in order; nothing where nothing was explained."""
    explanation = audit.explanation
    if explanation is None:
        return []
    at, spread, attributed = explanation.positions, explanation.spread(), explanation.attributions()
    clusters = None if audit.items.clusters is None else [audit.items.clusters[i] for i in at]
    resampling = Resampling(
        len(at),
        clusters=clusters,
        resamples=int(audit.settings["resamples"]),
        seed=int(audit.settings["seed"]),
        level=audit.policy.level,
    )
    found = []
    for i, j in combinations(range(len(names)), 2):
        estimates: dict[str, Estimate] = {}
        for method, a in attributed.items():
            both = Explained(
                method, a[i], a[j], explanation.lengths, spread[i], spread[j], resampling, explanation.settings.k
            )
            measured = {**noise_free(both), **top_sets(both)}
            estimates |= {f"{name}_{method}": e for name in KEPT if (e := measured.get(name)) is not None}
        found.append(PairMeasures(names[i], names[j], estimates))
    return found
