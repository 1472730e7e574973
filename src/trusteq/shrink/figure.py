"""The frontier: each candidate's size against what it changes, with intervals and the margins of the policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from trusteq.comparing.measures import in_words
from trusteq.report.figures.display import Display
from trusteq.report.figures.lettering import key
from trusteq.report.figures.margins import margin_scale
from trusteq.report.figures.palette import GOOD, INK, OUTCOMES, REFERENCE
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from trusteq.policy import Policy, Rule
    from trusteq.shrink.record import Entry, Search

SHOWN = ("disagreement", "confidence_profile_distance", "alignment_shapley", "token_kl_excess")
"""Of each dimension the measure that is drawn, if the policy has a rule on one of these; else its first."""


class Point(NamedTuple):
    """A candidate: its number in the table, its size in percent of the reference's, low end, value and high end."""

    number: int
    size: float
    ends: tuple[float, float, float]
    outcome: Outcome
    chosen: bool


class Panel(NamedTuple):
    """A measure, its rule, the value of the reference against itself, and the candidates that were measured by it."""

    measure: str
    rule: Rule
    best: float
    points: tuple[Point, ...]


@dataclass(eq=False)
class FrontierDisplay(Display):
    """A panel for each dimension that the policy requires and some candidate was measured in."""

    found: tuple[Panel, ...]

    @classmethod
    def from_search(cls, search: Search, numbers: Mapping[str, int]) -> Self | None:
        """The candidates with these numbers by name; None if no size or no measure is known."""
        panels = []
        for measure, rule in drawn_rules(search.policy):
            points = tuple(_points(search, measure, numbers))
            if points:
                panels.append(Panel(measure, rule, _best(search, measure, rule), points))
        return cls(tuple(panels)) if panels else None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        return 0.6 + 3.1 * len(self.found), 3.7

    @property
    def panels(self) -> tuple[float, ...]:
        """One per measure."""
        return (1.0,) * len(self.found)

    def _draw(self, *axes: Axes) -> None:
        for ax, panel in zip(axes, self.found, strict=True):
            _draw_panel(ax, panel)
        outcomes = [point.outcome for panel in self.found for point in panel.points]
        keys = [
            key(str(outcome), color=colour, marker=marker, markerfacecolor=face, linestyle="")
            for outcome, (colour, marker, face) in OUTCOMES.items()
            if outcome in outcomes
        ]
        keys.append(key("reference", color=REFERENCE, marker="*", markersize=9, linestyle=""))
        # Of the whole figure: above one panel it would push the others aside.
        axes[0].figure.legend(handles=keys, loc="outside upper left", ncols=len(keys), columnspacing=1.2)


def drawn_rules(policy: Policy) -> list[tuple[str, Rule]]:
    """The measure that is drawn of each required dimension, and its rule."""
    drawn = []
    for dimension in policy.required:
        rules = policy.rules[dimension]
        measure = next((name for name in SHOWN if name in rules), next(iter(rules)))
        drawn.append((measure, rules[measure]))
    return drawn


def _best(search: Search, measure: str, rule: Rule) -> float:
    """The value of a measure that is at distance 0 from the reference."""
    estimate = next(e.judged.flat[measure] for e in search.tried if e.judged is not None and measure in e.judged.flat)
    scale = margin_scale(measure, rule, estimate)
    return -scale.offset / scale.slope


def _points(search: Search, measure: str, numbers: Mapping[str, int]) -> Sequence[Point]:
    points = []
    for entry in search.entries:
        estimate = None if entry.judged is None else entry.judged.flat.get(measure)
        if entry.name in numbers and estimate is not None and entry.price.size is not None:
            ends = (estimate.low, estimate.value, estimate.high)
            if np.isfinite(ends).all():
                chosen = search.chosen is not None and entry.name == search.chosen.name
                points.append(Point(numbers[entry.name], 100 * entry.price.size, ends, outcome_of(entry), chosen))
    return points


def outcome_of(entry: Entry) -> Outcome:
    """How a candidate is marked: its verdict, or UNDECIDED as long as it is open."""
    return Outcome.UNDECIDED if entry.judged is None else entry.judged.verdict.outcome


def _draw_panel(ax: Axes, panel: Panel) -> None:
    margins = [bound for bound in (panel.rule.at_least, panel.rule.at_most) if bound is not None]
    low, high = _range(panel, margins)
    ax.set_ylim(low, high)
    ax.axhspan(
        low if panel.rule.at_least is None else panel.rule.at_least,
        high if panel.rule.at_most is None else panel.rule.at_most,
        color=GOOD, alpha=0.13, linewidth=0,
    )  # fmt: skip
    for margin in margins:
        ax.axhline(margin, color=INK, linewidth=1.0, linestyle=(0, (3, 2)))
    for point in panel.points:
        _draw_point(ax, point, low, high)
    ax.plot([100], [panel.best], "*", color=REFERENCE, markersize=10, zorder=4, clip_on=False)
    ax.set_xlim(0, max(110.0, *(1.08 * point.size for point in panel.points)))
    ax.set_xlabel("size on disk, % of the reference")
    ax.set_ylabel(in_words(panel.measure))


def _draw_point(ax: Axes, point: Point, low: float, high: float) -> None:
    colour, marker, face = OUTCOMES[point.outcome]
    below, y, above = (float(np.clip(end, low, high)) for end in point.ends)
    ax.plot([point.size, point.size], [below, above], color=colour, linewidth=1.4)
    ax.plot(
        [point.size], [y], marker, color=colour, markerfacecolor=face, markersize=9 if point.chosen else 6, zorder=3
    )
    ax.annotate(
        str(point.number),
        (point.size, y),
        # On either side in turn, as candidates of nearly the same size are neighbours in the table.
        xytext=(6 if point.number % 2 else -6, 0),
        textcoords="offset points",
        ha="left" if point.number % 2 else "right",
        va="center",
        size=8,
        weight="bold" if point.chosen else "normal",
        color=INK,
    )


def _range(panel: Panel, margins: Sequence[float]) -> tuple[float, float]:
    """What of the measure is drawn: the best value, the margins, and the candidates as far as they are not far off."""
    ends = [end for point in panel.points for end in point.ends]
    inside = [panel.best, *margins]
    reach = max(abs(margin - panel.best) for margin in margins) or max(map(abs, ends)) or 1.0
    low = max(min(*ends, *inside), min(inside) - MOST * reach)
    high = min(max(*ends, *inside), max(inside) + MOST * reach)
    room = 0.06 * (high - low)
    return low - room, high + room


MOST = 5.0
"""How many margins beyond the margin are drawn; what is farther off is drawn at the edge."""
