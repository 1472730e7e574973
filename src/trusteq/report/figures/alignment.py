"""How much the two models agree on each item: the distribution of cosine and of top-k Jaccard over the items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from trusteq.comparing.measures import method_title
from trusteq.explain.unit_names import plural
from trusteq.report.figures.display import Display
from trusteq.report.figures.lettering import key, legend_above, no_sides
from trusteq.report.figures.model_attributions import model_attributions
from trusteq.report.figures.names import shortened
from trusteq.report.figures.palette import CANDIDATE, INK, MUTED, SURFACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence

BINS = 20
"""Bars of a histogram from 0 to 1."""

MOST_VALUES = 31
"""Up to this many different values, each has a bar of its own."""


@dataclass(eq=False)
class AlignmentDisplay(Display):
    """Per-item agreement of the reference and a candidate on the same masks, the explainer's noise included.

    names: of the two models. ids: of the items explained for the candidate. lengths: their numbers of words [items].
    weights: how many items each stands for [items]. cosine, jaccard: by method [items]; cosine is NaN where a model's
    attributions are all 0. chance: Jaccard of two random sets [items]. k: words in a top set. unit: what is called a
    word here.
    """

    names: tuple[str, str]
    ids: tuple[str, ...]
    lengths: NDArray[np.int64]
    weights: NDArray[np.float64]
    cosine: Mapping[str, NDArray[np.float64]]
    jaccard: Mapping[str, NDArray[np.float64]]
    chance: NDArray[np.float64]
    k: int
    unit: str = "word"

    @classmethod
    def from_evidence(cls, evidence: Evidence, *, candidate: str) -> Self | None:
        """The agreement of the reference and a candidate; None where nothing was explained."""
        attributions = model_attributions(evidence)
        if attributions is None:
            return None
        model, sample = evidence.models.index(candidate), evidence.sample_of(candidate)
        attributions = attributions.of(sample)
        return cls(
            (evidence.models[0], candidate),
            attributions.ids,
            attributions.lengths,
            np.array([sample[id_] for id_ in attributions.ids]),
            {method: attributions.cosine(method, 0, model) for method in attributions.values},
            {method: attributions.jaccard(method, 0, model) for method in attributions.values},
            attributions.chance,
            attributions.k,
            attributions.unit,
        )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches: a ridge per method."""
        return 6.5, 1.1 + 0.95 * len(self.cosine)

    @property
    def panels(self) -> tuple[float, ...]:
        """Cosine and Jaccard."""
        return (1.0, 1.0)

    def _draw(self, *axes: Axes) -> None:
        cosine, jaccard = axes
        for ax, scores in ((cosine, self.cosine), (jaccard, self.jaccard)):
            ax.grid(visible=True, axis="x")
            methods = list(scores)[::-1]
            for row, method in enumerate(methods):
                _ridge(ax, scores[method], self.weights, row)
            ax.set_yticks(np.arange(len(methods)), [method_title(method) for method in methods])
            ax.set_ylim(-0.12, len(methods))
            no_sides(ax)
        ends = [np.nanmin(scores, initial=1.0) for scores in self.cosine.values()]
        cosine.set_xlim(max(-1.02, np.floor(10 * min(0.0, *ends)) / 10 - 0.02), 1.02)
        jaccard.set_xlim(-0.02, 1.02)
        cosine.set_xlabel("cosine of the attributions")
        jaccard.set_xlabel(f"Jaccard of the top {self.k} {plural(self.unit)}")
        jaccard.set_yticklabels([])
        chance = float(np.average(self.chance, weights=self.weights))
        jaccard.axvline(chance, color=MUTED, linewidth=1.2, linestyle=":", label="chance, mean")
        middle = key("median, middle half", color=INK, linewidth=3.0, marker="D", markerfacecolor=SURFACE)
        legend_above(cosine, [middle])
        legend_above(jaccard)
        cosine.set_title(f"{len(self.ids):,} items, {shortened(self.names[0])} and {shortened(self.names[1])}", pad=22)


def _ridge(ax: Axes, scores: NDArray[np.float64], weights: NDArray[np.float64], row: int) -> None:
    """A distribution on its row, with the median and the middle half below it."""
    defined, weights = scores[np.isfinite(scores)], weights[np.isfinite(scores)]
    if not defined.size:
        ax.annotate("not defined on any item", (0.5, row + 0.3), ha="center", size=8, color=MUTED)
        return
    values, code = np.unique(np.round(defined, 9), return_inverse=True)
    count = np.bincount(code, weights=weights)
    if len(values) <= MOST_VALUES and len(values) < len(defined):
        # Jaccard of sets of k takes k + 1 values: some bins would hold several of them and others none.
        ax.bar(values, 0.8 * count / count.max(), 0.022, bottom=row, color=CANDIDATE, alpha=0.55)
    else:
        _histogram(ax, defined, weights, row)
    low, median, high = _quartiles(defined, weights)
    ax.plot([low, high], [row, row], color=INK, linewidth=3.0, solid_capstyle="butt", zorder=4)
    ax.plot([median], [row], "D", color=INK, markerfacecolor=SURFACE, markersize=5, zorder=5)


def _quartiles(x: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lower quartile, the median and the upper one."""
    if (weights == weights[0]).all():
        return np.quantile(x, [0.25, 0.5, 0.75])
    order = np.argsort(x, kind="stable")
    below = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    return np.interp([0.25, 0.5, 0.75], below, x[order])


def _histogram(ax: Axes, scores: NDArray[np.float64], weights: NDArray[np.float64], row: int) -> None:
    edges = np.linspace(-1, 1, 2 * BINS + 1)
    count, _ = np.histogram(np.clip(scores, -1, 1), edges, weights=weights)
    height = row + 0.8 * np.repeat(count, 2) / count.max()
    x = np.repeat(edges, 2)[1:-1]
    inside = np.flatnonzero(np.repeat(count, 2))
    drawn = slice(int(inside[0]), int(inside[-1]) + 1)
    ax.fill_between(x[drawn], row, height[drawn], color=CANDIDATE, alpha=0.3, linewidth=0)
    ax.plot(x[drawn], height[drawn], color=CANDIDATE, linewidth=1.0)
