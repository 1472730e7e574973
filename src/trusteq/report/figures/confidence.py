"""How confident both models are: the share of their answers in each bin of confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from trusteq.report.figures.display import Display
from trusteq.report.figures.lettering import legend_above
from trusteq.report.figures.names import shortened
from trusteq.report.figures.palette import SIDES, SURFACE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from trusteq.comparing.confidence import Bin
    from trusteq.record.evidence import Evidence


@dataclass(eq=False)
class ConfidenceDisplay(Display):
    """The two models' histograms of confidence.

    names: of the reference and the candidate. edges: of the bins [bins + 1]. share, low, high: of the items in a bin,
    with its interval [2, bins]. mean: mean confidences [2].
    """

    names: tuple[str, str]
    edges: NDArray[np.float64]
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]

    @classmethod
    def from_evidence(cls, evidence: Evidence, *, candidate: str) -> Self:
        """The histograms of the reference and a candidate."""
        reference, judged = evidence.document.reference, evidence.candidate(candidate)
        tables = [reference.reliability, judged.reliability]
        share, low, high = (np.stack([_shares(table, end) for table in tables]) for end in ("value", "low", "high"))
        return cls(
            (reference.name, candidate),
            np.array([*(row["low"] for row in tables[0]), tables[0][-1]["high"]]),
            share,
            low,
            high,
            np.array([judged.flat[f"confidence_{side}"].value for side in ("reference", "candidate")]),
        )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        return 4.6, 2.9

    def _draw(self, *axes: Axes) -> None:
        (ax,) = axes
        ax.grid(visible=True, axis="y")
        width = np.diff(self.edges) * 0.42
        centres = (self.edges[:-1] + self.edges[1:]) / 2
        for i, (name, side) in enumerate(zip(self.names, SIDES, strict=True)):
            x = centres + (i - 0.5) * width
            ax.bar(
                x,
                self.share[i],
                width,
                color=side.colour if i == 0 else SURFACE,
                edgecolor=side.colour,
                hatch=None if i == 0 else "////",
                linewidth=1.0,
                label=f"{shortened(name, 30)} (mean {self.mean[i]:.3f})",
            )
            used = self.share[i] > 0
            error = np.maximum([self.share[i] - self.low[i], self.high[i] - self.share[i]], 0)[:, used]
            ax.errorbar(
                x[used], self.share[i][used], yerr=error, fmt="none", ecolor=side.colour, elinewidth=1.0, capsize=2
            )
        first = int(np.flatnonzero(self.share.sum(axis=0))[0])
        ax.set_xlim(self.edges[first] - 0.01, self.edges[-1] + 0.01)
        ax.set_xticks(self.edges[first:])
        ax.set_ylim(0, None)
        ax.set_xlabel("confidence")
        ax.set_ylabel("share of items")
        legend_above(ax)


def _shares(table: Sequence[Bin], end: str) -> NDArray[np.float64]:
    return np.array([getattr(row["share"], end) for row in table], dtype=np.float64)
