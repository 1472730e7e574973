"""All models pair by pair: how often they give the same answer, and how many of their top words they share."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Self

import numpy as np

from trusteq.comparing.measures import method_title
from trusteq.explain.draw import drawn_for_any
from trusteq.record.document import PatchSummary
from trusteq.report.figures.display import Display
from trusteq.report.figures.model_attributions import model_attributions
from trusteq.report.figures.names import shortened
from trusteq.report.figures.palette import INK, MUTED, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence

MOST_SLANTED = 6
"""Up to this many names are slanted under a matrix; more are upright."""

SHOWN = 10
"""Of the sets of patches, those of this size are shown."""

MOST_NUMBERED = 12
"""Up to this many models, the cells show their numbers."""


@dataclass(eq=False)
class PairsDisplay(Display):
    """Each pair of models' agreement.

    names: of all models, the reference first. same_answer: share of items [models, models]. jaccard: by method, the
    mean Jaccard of the top k words [models, models]; empty where nothing was explained. k: words in a top set. masks:
    what these were found with, in words.
    """

    names: tuple[str, ...]
    same_answer: NDArray[np.float64]
    jaccard: Mapping[str, NDArray[np.float64]]
    k: int | None
    masks: str = "shared masks"

    @classmethod
    def from_evidence(cls, evidence: Evidence) -> Self:
        """The agreement of all models with each other."""
        answers = np.stack([outcomes.answer for outcomes in evidence.outcomes])
        same = np.ones((len(answers), len(answers)))
        for a, b in combinations(range(len(answers)), 2):
            same[a, b] = same[b, a] = (answers[a] == answers[b]).mean()
        protocol = evidence.document.protocol
        k = SHOWN if isinstance(protocol, PatchSummary) else evidence.document.k
        masks = "shared masks" if protocol is None else f"protocol {protocol.name}"
        return cls(evidence.models, same, _jaccard(evidence), k, masks)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches: a square per matrix."""
        side = min(2.6, 1.1 + 0.28 * len(self.names))
        return 1.3 + side * len(self.panels), (1.2 if len(self.names) <= MOST_SLANTED else 1.7) + side

    @property
    def panels(self) -> tuple[float, ...]:
        """The answers, then a matrix per method."""
        return (1.0,) * (1 + len(self.jaccard))

    def _draw(self, *axes: Axes) -> None:
        titles = [
            "same answer",
            *(f"Jaccard of the top {self.k},\n{method_title(method)}, {self.masks}" for method in self.jaccard),
        ]
        for ax, matrix, title in zip(axes, [self.same_answer, *self.jaccard.values()], titles, strict=True):
            _matrix(ax, matrix)
            ax.set_title(title)
            names = [shortened(name, 16) for name in self.names]
            places = np.arange(len(names))
            upright = len(names) > MOST_SLANTED
            ax.set_xticks(
                places, names, rotation=90 if upright else 40, ha="right", va="center", rotation_mode="anchor"
            )
            ax.set_yticks(places, names if ax is axes[0] else [""] * len(names))
            ax.tick_params(length=0, labelsize=8 if len(names) <= MOST_NUMBERED else 6.5)


def _matrix(ax: Axes, matrix: NDArray[np.float64]) -> None:
    """A square per pair, darker for more agreement, with its number; the diagonal is empty."""
    from matplotlib.patches import Rectangle

    models = len(matrix)
    for row, column in np.ndindex(models, models):
        if row == column:
            ax.annotate("·", (column, row), ha="center", va="center", color=MUTED)
            continue
        value = float(matrix[row, column])
        # Never so dark that the number on it could not be read.
        ax.add_patch(
            Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=REFERENCE, alpha=0.6 * value, linewidth=0)
        )
        if models <= MOST_NUMBERED:
            text = ">.99" if 0.995 <= value < 1 else f"{value:.2f}"
            ax.annotate(text, (column, row), ha="center", va="center", size=7.5 if models <= 6 else 6.5, color=INK)
    ax.set_xlim(-0.55, models - 0.45)
    ax.set_ylim(models - 0.45, -0.55)
    ax.set_aspect("equal")
    for spine in ax.spines.values():
        spine.set_visible(False)


def _jaccard(evidence: Evidence) -> dict[str, NDArray[np.float64]]:
    """The mean Jaccard of each pair of models' top words, by method."""
    models = len(evidence.models)
    matrices: dict[str, NDArray[np.float64]] = {}
    protocol = evidence.document.protocol
    if isinstance(protocol, PatchSummary):
        for patches in (pair for pair in protocol.pairs if pair.k == SHOWN):
            matrix = matrices.setdefault(patches.method, np.ones((models, models)))
            a, b = (evidence.models.index(name) for name in (patches.first, patches.second))
            matrix[a, b] = matrix[b, a] = patches.jaccard.value
        return matrices
    if protocol is not None:
        for pair in protocol.pairs:
            matrix = matrices.setdefault(pair.method, np.ones((models, models)))
            a, b = (evidence.models.index(name) for name in (pair.first, pair.second))
            matrix[a, b] = matrix[b, a] = pair.mean.value
        return matrices
    attributions = model_attributions(evidence)
    if attributions is not None:
        for method in attributions.values:
            matrix = matrices[method] = np.ones((models, models))
            for a, b in combinations(range(models), 2):
                own, weights = attributions, _drawn(evidence, attributions.ids)
                if a == 0:  # as the run's measure: of the items drawn for the candidate
                    sample = evidence.sample_of(evidence.models[b])
                    own, weights = attributions.of(sample), np.array(list(sample.values()))
                matrix[a, b] = matrix[b, a] = np.average(own.jaccard(method, a, b), weights=weights)
    return matrices


def _drawn(evidence: Evidence, ids: Sequence[str]) -> NDArray[np.float64]:
    """How many items each explained one stands for, whichever candidate it was drawn for."""
    settings = evidence.document.settings["explain"]
    place = {id_: i for i, id_ in enumerate(evidence.items["id"])}
    at = np.array([place[id_] for id_ in ids], dtype=np.int64)
    by_change = settings is not None and settings.drawn_by_change
    weights = drawn_for_any(at, evidence.moved, settings.items) if settings is not None and by_change else None
    return np.ones(len(at)) if weights is None else weights
