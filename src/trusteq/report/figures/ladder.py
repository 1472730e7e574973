"""The ladder of alignment: what chance scores, what the candidate scores, what the reference scores against itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from trusteq.comparing.measures import METHOD_TITLES, judged_as, method_title
from trusteq.report.figures.display import Display
from trusteq.report.figures.lettering import heading, key, legend_above, no_sides, text_right_of
from trusteq.report.figures.names import shortened
from trusteq.report.figures.palette import CANDIDATE, GRID, INK, MUTED, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

    from trusteq.policy import Policy
    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence
    from trusteq.stats.estimate import Estimate


FLOOR, CEILING = 0.0, 1.0
"""The cosine of attributions with random signs, and any score of a model against itself on the same masks."""

_DASHED = (0, (3, 2))


class Ladder(NamedTuple):
    """One candidate's score by one method, with its floor and its ceiling.

    chance, ceiling: None where they are `FLOOR` and `CEILING` by construction. margin: what the policy requires
    of the score; None where it has no rule about it.
    """

    candidate: str
    method: str
    kind: str
    score: Estimate
    chance: Estimate | None
    ceiling: Estimate | None
    margin: float | None


@dataclass(eq=False)
class LadderDisplay(Display):
    """The ladders, method by method and score by score, in the order of the candidates; ``k``: words in a top set."""

    ladders: Sequence[Ladder]
    k: int

    @classmethod
    def from_evidence(cls, evidence: Evidence, *, candidate: str | None = None) -> Self | None:
        """The ladders of all candidates, or of one; None where nothing was explained."""
        document = evidence.document
        ladders = [
            ladder
            for judged in document.candidates
            if candidate in (None, judged.name)
            for ladder in _ladders(judged, document.policy)
        ]
        if not ladders or document.k is None:
            return None
        groups = list(dict.fromkeys((ladder.method, ladder.kind) for ladder in ladders))
        return cls(sorted(ladders, key=lambda ladder: groups.index((ladder.method, ladder.kind))), document.k)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches: a line per ladder, and one per group."""
        groups = {(ladder.method, ladder.kind) for ladder in self.ladders}
        return 6.5, 1.0 + 0.22 * (len(self.ladders) + 1.3 * len(groups))

    def _draw(self, *axes: Axes) -> None:
        (ax,) = axes
        ax.grid(visible=True, axis="x")
        y, places, group = 0.0, [], None
        for ladder in self.ladders:
            if (ladder.method, ladder.kind) != group:
                y += 0.3 if group else 0.0
                group = (ladder.method, ladder.kind)
                heading(ax, f"{ladder.kind.format(k=self.k)}, {method_title(ladder.method)}", y)
                y += 1.0
            text_right_of(ax, f"{ladder.score.value:.3f}", y)
            places.append(y)
            y += 1.0
        self._marks(ax, np.array(places))
        ax.set_yticks(places, [shortened(ladder.candidate) for ladder in self.ladders])
        no_sides(ax)
        ax.set_ylim(y - 0.4, -0.6)
        ends = [end for ladder in self.ladders for end in (FLOOR, ladder.score.low, ladder.score.high)]
        ax.set_xlim(min(ends) - 0.02, max(CEILING, *ends) + 0.02)
        ax.set_xlabel("score, with its interval")
        keys = self._keys()
        legend_above(ax, keys, columns=len(keys))

    def _marks(self, ax: Axes, y: NDArray[np.float64]) -> None:
        chance = [FLOOR if ladder.chance is None else ladder.chance.value for ladder in self.ladders]
        ceiling = [CEILING if ladder.ceiling is None else ladder.ceiling.value for ladder in self.ladders]
        score = [ladder.score for ladder in self.ladders]
        ax.hlines(y, chance, ceiling, color=GRID, linewidth=6, zorder=1)
        # At different heights, so that each stays visible where the three are close together.
        _intervals(ax, y - 0.24, [ladder.ceiling for ladder in self.ladders], colour=REFERENCE, width=1.2)
        _intervals(ax, y + 0.24, [ladder.chance for ladder in self.ladders], colour=MUTED, width=1.2)
        _intervals(ax, y, score, colour=CANDIDATE, width=2.2)
        ax.plot(chance, y, "|", color=MUTED, markersize=11, markeredgewidth=2, zorder=3)
        ax.plot([e.value for e in score], y, "s", color=CANDIDATE, markersize=5, zorder=5, clip_on=False)
        ax.plot(ceiling, y, "o", color=REFERENCE, markersize=9, markerfacecolor="none", zorder=6, clip_on=False)
        margins = [
            (height, ladder.margin) for height, ladder in zip(y, self.ladders, strict=True) if ladder.margin is not None
        ]
        for height, margin in margins:
            ax.vlines(margin, height - 0.5, height + 0.5, color=INK, linewidth=1.0, linestyle=_DASHED, zorder=2)

    def _keys(self) -> list[Line2D]:
        with_peer = any(ladder.ceiling is not None and ladder.chance is None for ladder in self.ladders)
        itself = "ceiling" if with_peer else "reference against itself"
        keys = [
            key("chance", color=MUTED, marker="|", markersize=9, markeredgewidth=2, linestyle=""),
            key("candidate", color=CANDIDATE, marker="s"),
            key(itself, color=REFERENCE, marker="o", markersize=8, markerfacecolor="none", linestyle=""),
        ]
        if any(ladder.margin is not None for ladder in self.ladders):
            keys.append(key("margin", color=INK, linewidth=1.0, linestyle=_DASHED))
        return keys


def _intervals(
    ax: Axes, y: NDArray[np.float64], estimates: Sequence[Estimate | None], *, colour: str, width: float
) -> None:
    lines = [(height, e.low, e.high) for height, e in zip(y, estimates, strict=True) if e is not None]
    if lines:
        ax.hlines(*zip(*lines, strict=True), color=colour, linewidth=width, zorder=4 if width > 2 else 2)


_KINDS = (
    # The title; then the names of the measures: score, chance, ceiling.
    ("alignment, noise removed", "alignment_{m}", None, "alignment_{m}_of_peer"),
    (
        "Jaccard of the top {k}, independent masks",
        "jaccard_halves_{m}",
        "jaccard_halves_chance_{m}",
        "jaccard_ceiling_reference_{m}",
    ),
    ("Jaccard of the top {k}, same masks", "jaccard_{m}", "jaccard_chance_{m}", None),
    ("Jaccard of the top {k}", "jaccard_{m}", "jaccard_{m}_chance", "jaccard_{m}_ceiling"),
)


def _ladders(candidate: AuditedCandidate, policy: Policy) -> list[Ladder]:
    """All ladders for which a candidate has the measures."""
    measures = candidate.measures.get("explanation", {})
    rules = policy.rules.get("explanation", {})
    ladders = []
    for method in METHOD_TITLES:
        for kind, of_score, *of_ends in _KINDS:
            score = of_score.format(m=method)
            chance, ceiling = (name and name.format(m=method) for name in of_ends)
            if score not in measures or (chance and chance not in measures) or not np.isfinite(measures[score].value):
                continue
            # With a peer, the rule is about the ratio to it.
            rule = rules.get(score) if judged_as(score, measures) == score else None
            margin = None if rule is None else rule.at_least
            floor, top = (measures.get(name) if name else None for name in (chance, ceiling))
            ladders.append(Ladder(candidate.name, method, kind, measures[score], floor, top, margin))
    return ladders
