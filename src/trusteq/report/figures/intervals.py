"""Every rule of the verdict: the estimate with its interval against the margin, all measures on one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from trusteq.report.figures.display import Display
from trusteq.report.figures.judged_rules import judged_rules
from trusteq.report.figures.lettering import heading, no_sides, text_right_of
from trusteq.report.figures.margins import margin_scale
from trusteq.report.figures.names import shortened
from trusteq.report.figures.palette import GOOD, GRID, INK, MUTED, OUTCOMES
from trusteq.report.wording import MARKS, margin, number, percent, rule_words, title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence
    from trusteq.report.figures.judged_rules import JudgedRule
    from trusteq.verdict import Outcome, RuleVerdict

LEFT, RIGHT = -1.5, 3.0
"""The part of the scale that is drawn; what is beyond it becomes an arrow at the edge."""

_FIRST_COLUMN, _SECOND_COLUMN = 8, 98
"""Where the columns of text begin, in points to the right of the axes."""


@dataclass(eq=False)
class IntervalsDisplay(Display):
    """Every rule's estimate against its margin.

    rules: candidate by candidate, in the policy's order. low, value, high: on the scale of `margins` [rules]; NaN
    where nothing was measured. acceptable: the acceptable range [rules, 2]. outcomes: of each candidate as a whole.
    level: of the intervals.
    """

    rules: Sequence[JudgedRule]
    low: NDArray[np.float64]
    value: NDArray[np.float64]
    high: NDArray[np.float64]
    acceptable: NDArray[np.float64]
    outcomes: Mapping[str, Outcome]
    level: float

    @classmethod
    def from_evidence(cls, evidence: Evidence, *, candidate: str | None = None) -> Self | None:
        """The rules of all candidates, or of one."""
        chosen = [judged for judged in evidence.document.candidates if candidate in (None, judged.name)]
        rules = [rule for judged in chosen for rule in judged_rules(judged)]
        if not rules:
            return None
        ends = np.full((len(rules), 5), np.nan)
        for row, (_, _, _, verdict) in zip(ends, rules, strict=True):
            if verdict.estimate is not None:
                scale = margin_scale(verdict.measure, verdict.rule, verdict.estimate)
                row[:] = *scale.of(verdict.estimate), scale.low, scale.high
        outcomes = {judged.name: judged.verdict.outcome for judged in chosen}
        return cls(rules, ends[:, 0], ends[:, 1], ends[:, 2], ends[:, 3:], outcomes, evidence.document.policy.level)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches: a line per rule, and one per candidate."""
        return 7.2, 0.75 + 0.21 * (len(self.rules) + 1.3 * len(self.outcomes))

    def _draw(self, *axes: Axes) -> None:
        (ax,) = axes
        y, bottom = self._places(ax)
        self._margins(ax, y)
        self._estimates(ax, y)
        for rule, place in zip(self.rules, y, strict=True):
            verdict = rule.verdict
            text_right_of(
                ax,
                f"{MARKS[verdict.outcome]} {rule_words(verdict, required=rule.required)}",
                place,
                points=_FIRST_COLUMN,
            )
            text_right_of(ax, _numbers(verdict), place, points=_SECOND_COLUMN, colour=MUTED)
        ax.set_yticks(y, [shortened(title(rule.verdict.measure), 34) for rule in self.rules])
        no_sides(ax)
        ax.set_ylim(bottom, -0.6)
        ax.set_xlim(LEFT, RIGHT)
        # Below 0 is the better side, or the other margin of a rule with two.
        left = "−margin" if (self.acceptable[:, 0] == -1).any() else "better"
        ax.set_xticks([-1, 0, 1, 2, 3], [left, "same", "margin", "2×", "3×"])
        ax.set_xlabel(f"difference in margins, {percent(self.level)} interval; shaded: acceptable")

    def _places(self, ax: Axes) -> tuple[NDArray[np.float64], float]:
        """The height of each rule's row under its candidate's heading, and the bottom of all."""
        places, y, before = [], 0.0, None
        for rule in self.rules:
            if rule.candidate != before:
                y += 0.3 if before is not None else 0.0
                outcome = self.outcomes[rule.candidate]
                heading(ax, f"{shortened(rule.candidate, 36)}  {MARKS[outcome]} {outcome}", y)
                y, before = y + 1.0, rule.candidate
            places.append(y)
            y += 1.0
        return np.array(places), y - 0.4

    def _margins(self, ax: Axes, y: NDArray[np.float64]) -> None:
        """The acceptable range, shaded, with dashed ends; adjacent rows with the same range in one piece."""
        start = 0
        for row in range(1, len(y) + 1):
            new_group = row == len(y) or y[row] - y[row - 1] > 1.01
            if not new_group and np.array_equal(self.acceptable[row], self.acceptable[start], equal_nan=True):
                continue
            low, high = self.acceptable[start]
            top, bottom, start = y[start] - 0.5, y[row - 1] + 0.5, row
            if np.isnan(high):
                continue
            ax.vlines(0, top, bottom, color=GRID, linewidth=0.8, zorder=1)
            if high > low:
                ax.fill_between([max(low, LEFT), high], top, bottom, color=GOOD, alpha=0.13, linewidth=0, zorder=0)
            edges = [edge for edge in sorted({low, high}) if np.isfinite(edge)]
            ax.vlines(edges, top, bottom, color=INK, linewidth=1.0, linestyle=(0, (3, 2)), zorder=2)

    def _estimates(self, ax: Axes, y: NDArray[np.float64]) -> None:
        """Values and intervals, rows of one outcome together."""
        computed = np.isfinite(self.low) & np.isfinite(self.value) & np.isfinite(self.high)
        inside = (self.value >= LEFT) & (self.value <= RIGHT)
        low, high = np.clip(self.low, LEFT, RIGHT), np.clip(self.high, LEFT, RIGHT)
        for outcome, (colour, marker, face) in OUTCOMES.items():
            selected = computed & np.array([rule.verdict.outcome == outcome for rule in self.rules])
            if not selected.any():
                continue
            ax.hlines(y[selected], low[selected], high[selected], color=colour, linewidth=2.0, zorder=3)
            beyond = ((selected & (self.low < LEFT), LEFT, "<"), (selected & (self.high > RIGHT), RIGHT, ">"))
            for rows, edge, arrow in beyond:
                tip = edge + (0.06 if edge < 0 else -0.06)
                ax.plot(np.full(rows.sum(), tip), y[rows], arrow, color=colour, markersize=6, zorder=4)
            rows = selected & inside
            ax.plot(self.value[rows], y[rows], marker, color=colour, markerfacecolor=face, markersize=6, zorder=5)
        for row in np.flatnonzero(computed & (self.low > RIGHT)):
            ax.annotate(f"{self.value[row]:.2g}×", (RIGHT - 0.2, y[row]), ha="right", va="center", size=8)


def _numbers(verdict: RuleVerdict) -> str:
    """The value and its margin."""
    limit = margin(verdict)
    if verdict.estimate is not None:
        value = verdict.estimate.value
        limit = f"{number(value)} ({limit})" if np.isfinite(value) else f"not computed ({limit})"
    return limit.replace("-", "−")
