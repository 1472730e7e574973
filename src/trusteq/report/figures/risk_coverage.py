"""Risk and coverage of both models: how often each is wrong if it answers only where it is most confident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from trusteq.comparing.selective import risk_coverage
from trusteq.report.figures.display import Display
from trusteq.report.figures.lettering import legend_above
from trusteq.report.figures.names import shortened
from trusteq.report.figures.palette import SIDES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence
    from trusteq.stats.estimate import Estimate

MOST_POINTS = 400
"""Points drawn of a curve."""

SETTLED = 0.05
"""The share of items from which a curve no longer jumps with single items."""


class Risk(NamedTuple):
    """One model's curve: share answered, and share wrong of the answered [distinct confidences]."""

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]


@dataclass(eq=False)
class RiskCoverageDisplay(Display):
    """The two models' curves.

    names: of the reference and the candidate. curves: of both. area: under each curve.
    """

    names: tuple[str, str]
    curves: tuple[Risk, Risk]
    area: tuple[Estimate, Estimate]

    @classmethod
    def from_evidence(cls, evidence: Evidence, *, candidate: str) -> Self | None:
        """The curves of the reference and a candidate; None without labels."""
        curves = []
        for outcomes in (evidence.outcomes[0], evidence.outcomes[evidence.models.index(candidate)]):
            if outcomes.right is None:
                return None
            curves.append(Risk(*risk_coverage(outcomes.confidence, outcomes.right)))
        measures = evidence.candidate(candidate).flat
        areas = [measures[f"aurc_{side}"] for side in ("reference", "candidate")]
        return cls((evidence.models[0], candidate), (curves[0], curves[1]), (areas[0], areas[1]))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        return 4.6, 3.4

    def _draw(self, *axes: Axes) -> None:
        (ax,) = axes
        ax.grid(visible=True)
        highest = 0.0
        for name, curve, side, area in zip(self.names, self.curves, SIDES, self.area, strict=True):
            drawn = np.unique(np.linspace(0, len(curve.coverage) - 1, MOST_POINTS).astype(np.int64))
            label = f"{shortened(name, 26)} (area {area.value:.3f} [{area.low:.3f}, {area.high:.3f}])"
            ax.plot(curve.coverage[drawn], curve.risk[drawn], color=side.colour, linestyle=side.line, label=label)
            # A point at the end, where everything is answered, so that lines can be told apart without colour.
            ax.plot(curve.coverage[-1:], curve.risk[-1:], side.marker, color=side.colour, clip_on=False)
            settled = curve.risk[curve.coverage >= min(SETTLED, float(curve.coverage[-1]))]
            highest = max(highest, float(settled.max()))
        ax.set_xlim(0, 1)
        ax.set_ylim(0, max(1.1 * highest, 0.01))
        ax.set_xlabel("share of items answered, most confident first")
        ax.set_ylabel("share of wrong answers among them")
        legend_above(ax)
