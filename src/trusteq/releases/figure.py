"""One measure over time: an interval for each run, against the margin that the run's policy had."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np

from trusteq.report.figures.display import Display
from trusteq.report.figures.names import shortened
from trusteq.report.figures.palette import GOOD, INK, MUTED, OUTCOMES, SURFACE, Mark
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from trusteq.releases.history import Line, Point

UNJUDGED = Mark(MUTED, "o", SURFACE)
"""How an estimate is drawn that no rule judges."""

MOST_NAMED, LONGEST = 6, 9
"""How many runs have their names below the axis, and up to which length; otherwise their numbers."""

MOST_NUMBERS = 12

WIDE = 24
"""Up to how many runs the marks keep their size."""


@dataclass(eq=False)
class MeasureDisplay(Display):
    """A measure's estimates in order of time.

    line: the measure in the runs that have the candidate. names: of all runs. marks: what is written at a dashed line
    before a run from which on figures are not like those before.
    """

    line: Line
    names: Sequence[str]
    marks: Mapping[int, str]

    @classmethod
    def of(cls, line: Line, names: Sequence[str], marks: Mapping[int, str]) -> Self | None:
        """The measure's drawing; None if no run has an estimate of it."""
        return cls(line, names, marks) if any(_ends(point) for point in line.points) else None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        return 3.5, 2.0

    def _draw(self, *axes: Axes) -> None:
        (ax,) = axes
        low, high = self._range()
        ax.set_ylim(low, high)
        ax.set_xlim(-0.6, len(self.names) - 0.4)
        for point in self.line.points:
            _margin(ax, point, low, high)
        for before, now in pairwise(self.line.points):
            ends = _ends(before), _ends(now)
            if now.release not in self.line.apart and ends[0] and ends[1]:
                values = [float(np.clip(end[1], low, high)) for end in ends if end]
                ax.plot([before.release, now.release], values, color=MUTED, linewidth=0.7, zorder=1)
        for point in self.line.points:
            # Smaller where many would run into each other.
            _estimate(ax, point, low, high, min(1.0, max(0.35, WIDE / len(self.names))))
        for release, words in self.marks.items():
            ax.axvline(release - 0.5, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
            ax.annotate(
                words, (release - 0.5, 1), xycoords=("data", "axes fraction"), xytext=(2, -1),
                textcoords="offset points", rotation=90, va="top", ha="left", size=6.5, color=MUTED,
            )  # fmt: skip
        self._name_runs(ax)
        ax.tick_params(axis="x", length=0)

    def _name_runs(self, ax: Axes) -> None:
        """The runs' names below the axis, or some of their numbers where there are many."""
        places = list(range(len(self.names)))
        if len(places) <= MOST_NAMED and all(len(name) <= LONGEST for name in self.names):
            ax.set_xticks(places, [shortened(name, LONGEST) for name in self.names])
            return
        step = math.ceil(len(places) / MOST_NUMBERS)
        places = places[:: step or 1]
        ax.set_xticks(places, [str(place + 1) for place in places])
        ax.set_xlabel("run")

    def _range(self) -> tuple[float, float]:
        """Every interval and margin, with some room."""
        found = [end for point in self.line.points for end in _ends(point) or () if math.isfinite(end)]
        found += [bound for point in self.line.points for bound in _bounds(point) if math.isfinite(bound)]
        low, high = (min(found), max(found)) if found else (0.0, 1.0)
        room = 0.08 * (high - low) or 0.05 * abs(high) or 0.01
        return low - room, high + room


def _ends(point: Point) -> tuple[float, float, float] | None:
    """Low end, value and high end; None where nothing was computed."""
    e = point.estimate
    return None if e is None or not math.isfinite(e.value) else (e.low, e.value, e.high)


def _bounds(point: Point) -> tuple[float, ...]:
    """The margins that the rule has."""
    rule = None if point.rule is None else point.rule.rule
    return () if rule is None else tuple(bound for bound in (rule.at_least, rule.at_most) if bound is not None)


def _margin(ax: Axes, point: Point, low: float, high: float) -> None:
    """What the rule accepts, shaded from half a step before the run to half a step after."""
    if point.rule is None:
        return
    rule = point.rule.rule
    left, right = point.release - 0.5, point.release + 0.5
    bottom = low if rule.at_least is None else rule.at_least
    top = high if rule.at_most is None else rule.at_most
    ax.fill_between([left, right], bottom, top, color=GOOD, alpha=0.13, linewidth=0, zorder=0)
    ax.hlines(_bounds(point), left, right, color=INK, linewidth=1.0, linestyle=(0, (3, 2)), zorder=1)


def _estimate(ax: Axes, point: Point, low: float, high: float, scale: float) -> None:
    """The interval and its value; a hollow square at the bottom where a rule had nothing to judge."""
    colour, marker, face = UNJUDGED if point.rule is None else OUTCOMES[point.rule.outcome]
    ends = _ends(point)
    if ends is None:
        if point.rule is not None:
            mark = OUTCOMES[Outcome.NOT_MEASURED]
            ax.plot([point.release], [low], mark.marker, color=mark.colour, markerfacecolor=mark.face, clip_on=False)
        return
    below, value, above = (float(np.clip(end, low, high)) for end in ends)
    ax.vlines(point.release, below, above, color=colour, linewidth=2.0 * scale, zorder=3)
    ax.plot([point.release], [value], marker, color=colour, markerfacecolor=face, markersize=6 * scale, zorder=4)
