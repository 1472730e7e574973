"""Size and latency against the distance from the reference: what each candidate saves, and at what price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from trusteq.report.figures.display import Display
from trusteq.report.figures.judged_rules import judged_rules
from trusteq.report.figures.lettering import key, legend_above
from trusteq.report.figures.margins import margin_scale
from trusteq.report.figures.names import shortened
from trusteq.report.figures.palette import GOOD, GRID, INK, OUTCOMES, REFERENCE
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence

LEAST, MOST = 0.05, 50.0
"""The distances that are drawn, in margins; what is beyond them is drawn at the edge."""

ROOM = 1.8
"""The factor by which the axis extends beyond them."""

TOP = LEAST / 1.35
"""Where the reference is drawn, whose distance from itself is 0."""

_SEVERITY = (Outcome.NOT_EQUIVALENT, Outcome.UNDECIDED, Outcome.EQUIVALENT)


Ends = tuple[float, float, float]
"""Low end, value, high end."""


class Point(NamedTuple):
    """A model's price and its distance from the reference.

    price: low end, value, high end, in the panel's unit. distance: the same of its worst rule, in margins; None for the
    reference. outcome: of the candidate as a whole; None for the reference. rule: the measure of the worst rule.
    """

    name: str
    price: Ends
    distance: Ends | None
    outcome: Outcome | None
    rule: str | None


@dataclass(eq=False)
class ParetoDisplay(Display):
    """The points of each panel, the reference first; by price, such as "size, MB on disk"."""

    points: Mapping[str, tuple[Point, ...]]

    @classmethod
    def from_evidence(cls, evidence: Evidence) -> Self | None:
        """The models' size and latency, as far as known; None where neither is."""
        worst = {c.name: worst_rule(c) for c in evidence.document.candidates}
        outcomes = {c.name: c.verdict.outcome for c in evidence.document.candidates}
        panels = {}
        for title, prices in (("size", _sizes(evidence)), ("latency", _latencies(evidence))):
            if prices is None:
                continue
            unit, price_of = prices
            points = []
            for name in evidence.models:
                distance, rule = worst.get(name) or (None, None)
                if name in price_of and (distance is not None or name not in worst):
                    points.append(Point(name, price_of[name], distance, outcomes.get(name), rule))
            if any(point.distance is not None for point in points):
                panels[f"{title}, {unit}"] = tuple(points)
        return cls(panels) if panels else None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        return 1.2 + 3.0 * len(self.points), 3.8

    @property
    def panels(self) -> tuple[float, ...]:
        """One per price."""
        return (1.0,) * len(self.points)

    def _draw(self, *axes: Axes) -> None:
        for ax, (title, points) in zip(axes, self.points.items(), strict=True):
            ax.set_yscale("log")
            ax.set_ylim(MOST * ROOM, LEAST / ROOM)
            ax.axhspan(LEAST / ROOM, 1, color=GOOD, alpha=0.13, linewidth=0)
            ax.axhline(1, color=INK, linewidth=1.0, linestyle=(0, (3, 2)))
            for point, height in zip(points, _heights(points), strict=True):
                _draw_point(ax, point, height)
            ends = [end for point in points for end in point.price]
            room = 0.25 * (max(ends) - min(ends)) or 0.5 * max(ends)
            ax.set_xlim(min(ends) - room, max(ends) + room)
            ax.set_xlabel(title)
            ticks = {0.1: "0.1×", 1.0: "margin", 10.0: "10×"}
            ax.set_yticks(list(ticks), list(ticks.values()) if ax is axes[0] else [""] * len(ticks))
            ax.set_yticks([], minor=True)
        axes[0].set_ylabel("distance from the reference\nby the worst rule, in margins")
        drawn = {point.outcome for points in self.points.values() for point in points}
        keys = [
            key(str(outcome), color=colour, marker=marker, markerfacecolor=face, linestyle="")
            for outcome, (colour, marker, face) in OUTCOMES.items()
            if outcome in drawn
        ]
        legend_above(axes[0], keys, columns=3)


def worst_rule(candidate: AuditedCandidate) -> tuple[Ends, str] | None:
    """The required rule that a candidate fails most, as low end, value and high end in margins, and its measure."""
    ranked = []
    for _, _, required, verdict in judged_rules(candidate):
        if required and verdict.estimate is not None and verdict.outcome in _SEVERITY:
            scale = margin_scale(verdict.measure, verdict.rule, verdict.estimate)
            ends = scale.of(verdict.estimate)
            if np.isfinite(ends).all():
                if ends[1] < 0 and scale.low > -np.inf:  # a margin on either side
                    ends = (-ends[2], -ends[1], -ends[0])
                ranked.append((_SEVERITY.index(verdict.outcome), -ends[1], verdict.measure, ends))
    return (min(ranked)[3], min(ranked)[2]) if ranked else None


def _sizes(evidence: Evidence) -> tuple[str, dict[str, Ends]] | None:
    """Each model's size: on disk, in memory or in parameters, the first that the run has for some candidate."""
    models = [] if evidence.costs is None else evidence.costs["models"]
    counted = [{"name": m["name"], **m.get("details", {})} for m in evidence.manifest["models"]]
    for field, rows, unit, divisor in (
        ("disk_bytes", models, "MB on disk", 1e6),
        ("weights_bytes", models, "MB of weights", 1e6),
        ("parameters", models, "million parameters", 1e6),
        ("parameters", counted, "million parameters", 1e6),
    ):
        sizes = {row["name"]: (row[field] / divisor,) * 3 for row in rows if row.get(field) is not None}
        if set(sizes) - {evidence.models[0]}:
            return unit, sizes
    return None


def _latencies(evidence: Evidence) -> tuple[str, dict[str, Ends]] | None:
    """The median time of one item and its quartiles; None where no candidate was timed."""
    models = [] if evidence.costs is None else evidence.costs["models"]
    times = {row["name"]: row["latency"] for row in models if row.get("latency") is not None}
    ends = {name: (1e3 * t["low"], 1e3 * t["median"], 1e3 * t["high"]) for name, t in times.items()}
    return ("ms per item, quartiles", ends) if set(ends) - {evidence.models[0]} else None


def _draw_point(ax: Axes, point: Point, label: float) -> None:
    """A model at its price, its name to the right of the axes at the height ``label`` (a share of the axes)."""
    low, price, high = point.price
    if point.distance is None or point.outcome is None:
        colour, marker, face, y = REFERENCE, "*", REFERENCE, TOP
    else:
        colour, marker, face = OUTCOMES[point.outcome]
        below, y, above = np.clip(point.distance, LEAST, MOST)
        ax.plot([price, price], [below, above], color=colour, linewidth=1.4)
    ax.plot([low, high], [y, y], color=colour, linewidth=1.4)
    ax.annotate(
        shortened(point.name, 20),
        (price, y),
        xytext=(1.04, label),
        textcoords="axes fraction",
        va="center",
        size=8,
        color=colour if point.outcome is None else INK,
        annotation_clip=False,
        arrowprops={
            "arrowstyle": "-",
            "color": GRID,
            "linewidth": 0.8,
            "shrinkA": 1,
            "shrinkB": 3,
            "relpos": (0, 0.5),
        },
        zorder=1,
    )
    ax.plot([price], [y], marker, color=colour, markerfacecolor=face, markersize=10 if marker == "*" else 7, zorder=4)


def _heights(points: tuple[Point, ...]) -> list[float]:
    """The height of each name [points], as shares of the axes: level with its point, but never on another name."""
    top, bottom = np.log(LEAST / ROOM), np.log(MOST * ROOM)
    y = [TOP if point.distance is None else float(np.clip(point.distance[1], LEAST, MOST)) for point in points]
    ideal = (bottom - np.log(y)) / (bottom - top)
    gap = min(0.06, 1 / len(points))
    heights = np.empty(len(points))
    lowest = 0.0
    for row in np.argsort(ideal, kind="stable"):
        heights[row] = lowest = max(float(ideal[row]), lowest)
        lowest += gap
    # Names pushed beyond the top push the others down again.
    highest = 0.98
    for row in np.argsort(-heights, kind="stable"):
        heights[row] = highest = min(float(heights[row]), highest)
        highest -= gap
    return [float(height) for height in heights]
