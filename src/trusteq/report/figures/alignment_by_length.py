"""Agreement by the number of words: in short texts two random sets of top words are nearly the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from trusteq.comparing.measures import method_title
from trusteq.comparing.top_k import chance_jaccard
from trusteq.explain.unit_names import plural
from trusteq.report.figures.alignment import AlignmentDisplay
from trusteq.report.figures.display import Display
from trusteq.report.figures.lettering import legend_above
from trusteq.report.figures.names import shortened
from trusteq.report.figures.palette import MUTED, OF_METHOD, SURFACE
from trusteq.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence
    from trusteq.stats.estimate import Estimate

GROUPS, MIN_ITEMS = 5, 10
"""At most this many groups of length, and at least this many items in each."""


@dataclass(eq=False)
class AlignmentByLengthDisplay(Display):
    """Mean agreement of the reference and a candidate in groups of items of similar length.

    names: of the two models. words: mean number of words [groups]. items: in each group [groups]. cosine, jaccard: by
    method, an estimate per group, None where it has no value. chance_words, chance: numbers of words, and the exact
    Jaccard of two random sets from an item of that many. k: words in a top set. unit: what is called a word here.
    """

    names: tuple[str, str]
    words: NDArray[np.float64]
    items: NDArray[np.int64]
    cosine: Mapping[str, Sequence[Estimate | None]]
    jaccard: Mapping[str, Sequence[Estimate | None]]
    chance_words: NDArray[np.int64]
    chance: NDArray[np.float64]
    k: int
    unit: str = "word"

    @classmethod
    def from_evidence(cls, evidence: Evidence, *, candidate: str) -> Self | None:
        """The agreement of the reference and a candidate; None where too little was explained, or all alike."""
        per_item = AlignmentDisplay.from_evidence(evidence, candidate=candidate)
        if per_item is None or len(per_item.ids) < MIN_ITEMS or np.ptp(per_item.lengths) == 0:
            return None
        groups = length_groups(per_item.lengths)
        clusters = _clusters(evidence, per_item.ids)

        def means(scores: NDArray[np.float64], description: str) -> list[Estimate | None]:
            members = (np.flatnonzero(groups == group) for group in range(groups.max() + 1))
            return [_mean(scores, per_item.weights, at, clusters, evidence, description) for at in members]

        lengths = np.arange(per_item.lengths.min(), per_item.lengths.max() + 1)
        items = np.bincount(groups)
        return cls(
            per_item.names,
            np.bincount(groups, weights=per_item.lengths) / items,
            items,
            {method: means(scores, "cosine of attributions") for method, scores in per_item.cosine.items()},
            {method: means(scores, f"Jaccard of the top {per_item.k}") for method, scores in per_item.jaccard.items()},
            lengths,
            chance_jaccard(lengths, per_item.k),
            per_item.k,
            per_item.unit,
        )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        return 6.5, 3.2

    @property
    def panels(self) -> tuple[float, ...]:
        """Cosine and Jaccard."""
        return (1.0, 1.0)

    def _draw(self, *axes: Axes) -> None:
        cosine, jaccard = axes
        jaccard.plot(self.chance_words, self.chance, color=MUTED, linewidth=1.2, linestyle=":", label="chance")
        for ax, scores in ((cosine, self.cosine), (jaccard, self.jaccard)):
            ax.grid(visible=True, axis="y")
            for i, (method, means) in enumerate(scores.items()):
                self._line(ax, method, means, offset=(i - 0.5) * 0.008)
            ax.set_xlabel(f"{plural(self.unit)} in the item")
            ax.set_ylim(min(0.0, *_lows(scores)) - 0.02, 1.02)
            ax.set_xlim(self.chance_words[0] - 0.5, self.chance_words[-1] + 0.5)
            legend_above(ax, columns=3)
        cosine.set_ylabel("cosine of the attributions, mean")
        jaccard.set_ylabel(f"Jaccard of the top {self.k} {plural(self.unit)}, mean")
        cosine.set_title(f"{shortened(self.names[0])} and {shortened(self.names[1])}", pad=22)

    def _line(self, ax: Axes, method: str, means: Sequence[Estimate | None], *, offset: float) -> None:
        side = OF_METHOD[method]
        measured = [i for i, mean in enumerate(means) if mean is not None]
        ends = np.array([(mean.low, mean.value, mean.high) for mean in means if mean is not None]).reshape(-1, 3)
        ax.errorbar(
            self.words[measured] + offset * np.ptp(self.chance_words),
            ends[:, 1],
            yerr=np.maximum([ends[:, 1] - ends[:, 0], ends[:, 2] - ends[:, 1]], 0),
            color=side.colour,
            marker=side.marker,
            markerfacecolor=side.colour if side.line == "-" else SURFACE,
            linestyle=side.line,
            elinewidth=1.0,
            capsize=2.5,
            label=method_title(method),
        )


def length_groups(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The group of each item [items], shorter ones first: about equally large, equal lengths in the same."""
    groups = max(1, min(GROUPS, len(lengths) // MIN_ITEMS))
    edges = np.unique(np.quantile(lengths, np.arange(1, groups) / groups, method="inverted_cdf"))
    return np.unique(np.searchsorted(edges, lengths, side="left"), return_inverse=True)[1].astype(np.int64)


def _lows(scores: Mapping[str, Sequence[Estimate | None]]) -> list[float]:
    return [mean.low for means in scores.values() for mean in means if mean is not None] or [0.0]


def _clusters(evidence: Evidence, ids: Sequence[str]) -> list[str] | None:
    """The cluster of each explained item; None where items are independent."""
    if "cluster" not in evidence.items:
        return None
    cluster_of = dict(zip(evidence.items["id"], evidence.items["cluster"], strict=True))
    return [cluster_of[id_] for id_ in ids]


def _mean(
    scores: NDArray[np.float64],
    weights: NDArray[np.float64],
    positions: NDArray[np.int64],
    clusters: Sequence[str] | None,
    evidence: Evidence,
    description: str,
) -> Estimate | None:
    """The mean score of the items at these positions, with its interval; None where too few have a score."""
    positions = positions[np.isfinite(scores[positions])]
    of_items = None if clusters is None else [clusters[i] for i in positions]
    if len(positions) < 2 or (of_items is not None and len(set(of_items)) < 2):
        return None
    settings, level = evidence.document.settings, evidence.document.policy.level
    resampling = Resampling(
        len(positions),
        clusters=of_items,
        weights=None if (weights == weights[0]).all() else weights[positions],
        resamples=settings["resamples"],
        seed=settings["seed"],
        level=level,
    )
    return resampling.mean(scores[positions], what=description)
