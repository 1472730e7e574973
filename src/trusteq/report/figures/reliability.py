"""Reliability diagrams of both models over each other: how often they are right at each level of confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from trusteq.report.figures.display import Display
from trusteq.report.figures.lettering import legend_above
from trusteq.report.figures.names import shortened
from trusteq.report.figures.palette import GRID, MUTED, SIDES, SURFACE
from trusteq.report.wording import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from trusteq.comparing.confidence import Bin
    from trusteq.record.evidence import Evidence


@dataclass(frozen=True)
class Curve:
    """One model's bins that hold items: their number, mean confidence, and share right with its interval [bins]."""

    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(eq=False)
class ReliabilityDisplay(Display):
    """The two models' curves.

    names: of the reference and the candidate. curves, calibration_error: of both; the latter is the ECE. level: of the
    intervals.
    """

    names: tuple[str, str]
    curves: tuple[Curve, Curve]
    calibration_error: tuple[float, float]
    level: float

    @classmethod
    def from_evidence(cls, evidence: Evidence, *, candidate: str) -> Self | None:
        """The curves of the reference and a candidate; None without labels."""
        reference, judged = evidence.document.reference, evidence.candidate(candidate)
        curves = [_curve(model.reliability) for model in (reference, judged)]
        if not all(len(curve.count) for curve in curves):
            return None
        errors = [judged.flat[f"ece_{side}"].value for side in ("reference", "candidate")]
        return cls(
            (reference.name, candidate),
            (curves[0], curves[1]),
            (errors[0], errors[1]),
            evidence.document.policy.level,
        )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches: a square and its axes."""
        return 4.6, 4.4

    def _draw(self, *axes: Axes) -> None:
        (ax,) = axes
        ax.grid(visible=True)
        start = min(float(np.concatenate([curve.confidence, curve.low]).min()) for curve in self.curves)
        for name, curve, side, error in zip(self.names, self.curves, SIDES, self.calibration_error, strict=True):
            ax.errorbar(
                curve.confidence,
                curve.accuracy,
                yerr=np.maximum([curve.accuracy - curve.low, curve.high - curve.accuracy], 0),
                color=side.colour,
                marker=side.marker,
                markerfacecolor=side.colour if side is SIDES[0] else SURFACE,
                linestyle=side.line,
                elinewidth=1.0,
                capsize=2.5,
                label=f"{shortened(name, 30)} (ECE {error:.3f}{_one_bin(curve)})",
            )
        ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=":", zorder=1, label="perfect calibration")
        low = max(0.0, np.floor(start * 10) / 10 - 0.02)
        ax.set_xlim(low, 1.02)
        ax.set_ylim(low, 1.02)
        ax.set_aspect("equal")
        ax.set_xlabel("mean confidence in the bin")
        ax.set_ylabel(f"share right in the bin, {percent(self.level)} interval")
        legend_above(ax)
        ax.spines["left"].set_color(GRID)
        ax.spines["bottom"].set_color(GRID)


def _one_bin(curve: Curve) -> str:
    """That a curve is a single point, since all confidences lie in one bin; empty for others."""
    return f"; all {int(curve.count[0]):,} in one bin" if len(curve.count) == 1 else ""


def _curve(table: Sequence[Bin]) -> Curve:
    rows = [(row, e) for row in table if row["confidence"] is not None and (e := row["accuracy"]) is not None]
    accuracy = np.array([[e.value, e.low, e.high] for _, e in rows]).reshape(-1, 3)
    return Curve(
        np.array([row["count"] for row, _ in rows], dtype=np.int64),
        np.array([row["confidence"] for row, _ in rows], dtype=np.float64),
        *accuracy.T,
    )
