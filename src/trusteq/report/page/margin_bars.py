"""A rule's estimate against its margin, drawn in a cell of the table of rules: one scale for all rules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trusteq.report.figures.margins import margin_scale
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from trusteq.verdict import RuleVerdict, Verdict

LEFT, RIGHT = -1.5, 3.0
"""The part of the scale that is drawn; what is beyond it becomes an arrow at the edge."""
WIDTH, HEIGHT = 240, 20

CAPTION = (
    "Every rule of the policy, drawn on one scale: the estimate, its interval, and the margin (dashed; what is "
    "acceptable is shaded). An interval inside the margin shows that the difference is acceptable, one entirely "
    "outside that it is not; one that crosses the margin is undecided, and so is one that is based on fewer items than "
    "the policy requires."
)


def margin_bar(rule: RuleVerdict) -> str:
    """The drawing as an ``<svg>`` element; empty where nothing was measured."""
    estimate = rule.estimate
    if estimate is None:
        return ""
    scale = margin_scale(rule.measure, rule.rule, estimate)
    low, value, high = scale.of(estimate)
    if not all(map(math.isfinite, (low, value, high))):
        return ""
    parts = [
        f'<line class="same" x1="{_x(0)}" x2="{_x(0)}" y1="0" y2="{HEIGHT}"/>',
        *(
            f'<line class="edge" x1="{_x(edge)}" x2="{_x(edge)}" y1="0" y2="{HEIGHT}"/>'
            for edge in sorted({scale.low, scale.high})
            if math.isfinite(edge)
        ),
    ]
    if scale.high > scale.low:
        start = _x(scale.low)
        parts.insert(0, f'<rect x="{start}" y="0" width="{_x(scale.high) - start:g}" height="{HEIGHT}"/>')
    middle = HEIGHT // 2
    parts.append(f'<line x1="{_x(low)}" x2="{_x(high)}" y1="{middle}" y2="{middle}"/>')
    if low < LEFT:
        parts.append(f'<path d="M0 {middle}l8 -5v10z"/>')
    if high > RIGHT:
        parts.append(f'<path d="M{WIDTH} {middle}l-8 -5v10z"/>')
    if value > RIGHT:
        end = min(_x(low), WIDTH - 8) - 4
        parts.append(f'<text class="far" x="{end:g}" y="{middle + 4}">{value:.2g}×</text>')
    if LEFT <= value <= RIGHT:
        parts.append(_MARKERS[rule.outcome].format(x=_x(value), y=middle))
    said = f"estimate {value:.2f} margins from equal, interval {low:.2f} to {high:.2f}"
    name = rule.outcome.lower().replace(" ", "-")
    return (
        f'<svg class="margin-bar {name}" role="img" aria-label="{said}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}">{"".join(parts)}</svg>'
    )


def margin_axis(verdict: Verdict) -> str:
    """The scale, as an ``<svg>`` element, for the head of the column of the drawings of a verdict's rules."""
    rules = [rule.rule for dimension in verdict.dimensions for rule in dimension.rules]
    two_sided = any(rule.at_least is not None and rule.at_most is not None for rule in rules)
    # Below 0 is the better side, or the other margin of a rule with two.
    ticks = {-1: "−margin" if two_sided else "better", 0: "same", 1: "margin", 2: "2×", 3: "3×"}
    texts = [f'<text x="{_x(at)}" y="12">{words}</text>' for at, words in ticks.items()]
    return (
        f'<svg class="margin-bar" aria-hidden="true" viewBox="0 0 {WIDTH} 16" width="{WIDTH}" height="16">'
        f"{''.join(texts)}</svg>"
    )


def _x(value: float) -> float:
    """The place of a value of the scale, in pixels."""
    return round((min(max(value, LEFT), RIGHT) - LEFT) / (RIGHT - LEFT) * WIDTH, 1)


_MARKERS = {
    Outcome.EQUIVALENT: '<circle class="full" cx="{x}" cy="{y}" r="4"/>',
    Outcome.NOT_EQUIVALENT: '<path class="cross" d="M{x} {y}m-4 -4l8 8m0 -8l-8 8"/>',
    Outcome.UNDECIDED: '<path class="empty" d="M{x} {y}m0 -5l5 5l-5 5l-5 -5z"/>',
    Outcome.NOT_MEASURED: '<circle class="empty" cx="{x}" cy="{y}" r="4"/>',
}
"""What the value is drawn as."""
