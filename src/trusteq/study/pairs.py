"""Every pair of models in an audit: how often their answers differ, and how well their explanations agree."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.alignment import Explained, noise_free, top_sets
from trusteq.comparing.moved import moved
from trusteq.explain.draw import Draw, drawn, drawn_for_any
from trusteq.stats.estimate import Estimate  # noqa: TC001 - read where a study is
from trusteq.stats.resampling import Resampling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.explain.explanation import Explanation
    from trusteq.record.audit import Audit

MEASURES = (
    "alignment",
    "jaccard",
    "jaccard_chance",
    "jaccard_halves",
    "jaccard_halves_chance",
    "jaccard_ceiling_reference",
    "jaccard_adjusted",
)
"""Measures of each method to report besides the disagreement; the first model of a pair counts as the reference."""


@dataclass(frozen=True)
class PairMeasures:
    """A pair of models, and estimates by name."""

    first: str
    second: str
    estimates: dict[str, Estimate]


def pair_measures(audit: Audit, peer: tuple[str, NDArray[np.float64]] | None = None) -> list[PairMeasures]:
    """All pairs of the audited models and, where there is one, the peer.

    peer: its name and its probabilities [items, labels] for the audit's items, in the order of the audit's labels.
    """
    answers = {model.name: audit.task.outcomes(model.rows, None).answer for model in audit.models}
    if peer is not None:
        answers[peer[0]] = peer[1].argmax(axis=1)
    names = tuple(answers)
    bare_items = _resampling(audit, np.arange(len(audit.items)))
    description = "share of items that the two models answer otherwise"
    pairs = [
        PairMeasures(a, b, {"disagreement": e})
        for a, b in combinations(names, 2)
        if (e := bare_items.share(answers[a] != answers[b], what=description)) is not None
    ]
    explanation = audit.explanation
    if explanation is None:
        return pairs
    spread, attributions, products = explanation.spread(), explanation.attributions(), explanation.products()
    for pair, (i, j) in zip(pairs, combinations(range(len(names)), 2), strict=True):
        draw = _drawn(audit, explanation, i, j)
        sample = _resampling(audit, explanation.positions[draw.at], draw.weights)
        for method, a in attributions.items():
            explained = Explained(
                method,
                a[i],
                a[j],
                explanation.lengths,
                spread[i],
                spread[j],
                sample,
                explanation.settings.top,
                (products[method][:, i, j], products[method][:, i, i], products[method][:, j, j]),
            )
            explained = explained.take(draw.at, sample)
            estimates = {**noise_free(explained), **top_sets(explained)}
            pair.estimates.update(
                {f"{name}_{method}": e for name in MEASURES if (e := estimates.get(name)) is not None}
            )
    return pairs


def _drawn(audit: Audit, explanation: Explanation, first: int, second: int) -> Draw:
    """The explained items of a pair of models: those drawn for a candidate, or of two candidates those for any."""
    settings, positions = explanation.settings, explanation.positions
    if not settings.drawn_by_change:
        return Draw(np.arange(len(positions)))
    reference, *others = (audit.task.outcomes(model.rows, audit.gold, audit.labels) for model in audit.everybody)
    by_change = [moved(reference, other) for other in others]
    if first == 0:
        return drawn(positions, audit.items, by_change[second - 1], settings.items, seed=int(audit.settings["seed"]))
    return Draw(np.arange(len(positions)), drawn_for_any(positions, by_change, settings.items))


def _resampling(audit: Audit, positions: NDArray[np.int64], weights: NDArray[np.float64] | None = None) -> Resampling:
    """Resamples of the items at these positions, drawn as in the audit."""
    return Resampling(
        len(positions),
        clusters=None if audit.items.clusters is None else [audit.items.clusters[i] for i in positions],
        weights=weights,
        resamples=int(audit.settings["resamples"]),
        seed=int(audit.settings["seed"]),
        level=audit.policy.level,
    )
