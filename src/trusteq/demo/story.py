"""What the demo's audit shows, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from trusteq.record.audit import Audit, Comparison

CLOSE = 0.01
"""A candidate that loses less accuracy than this counts as equally good in many releases."""

OFTEN = 0.02
"""At this share of changed answers or more, it is worth saying that accuracy does not show them."""


def story(audit: Audit) -> list[str]:
    """The lines, the most telling last."""
    lines = [_line(comparison) for comparison in audit.comparisons]
    if line := _divided(audit):
        lines.append(line)
    refused = [c for c in audit.comparisons if c.verdict.outcome is Outcome.NOT_EQUIVALENT]
    hidden = [c for c in refused if _moved(c) > -CLOSE and _changed(c) >= OFTEN]
    if hidden:
        most = max(hidden, key=_changed)
        lines.append(
            f"accuracy alone would have let {most.name} pass ({100 * _moved(most):+.1f} points), but "
            f"{_changed(most):.1%} of its answers have changed"
        )
    return lines


def _line(comparison: Comparison) -> str:
    moved = 100 * _moved(comparison)
    return (
        f"{comparison.name}: accuracy {moved:+.1f} points, {_changed(comparison):.1%} of the answers changed, "
        f"{comparison.verdict.outcome.value}"
    )


def _moved(comparison: Comparison) -> float:
    return comparison.measures["behaviour"]["accuracy_difference"].value


def _changed(comparison: Comparison) -> float:
    return comparison.measures["behaviour"]["disagreement"].value


def _divided(audit: Audit) -> str | None:
    """Where people agree and where they do not, for the candidate that changes most."""
    most = max(audit.comparisons, key=_changed)
    changed = {s.value: s.measures["behaviour"]["disagreement"].value for s in most.slices if s.column == "people"}
    if not {"agree", "are divided"} <= changed.keys():
        return None
    return (
        f"{most.name} changes {changed['are divided']:.1%} of the answers where people are divided about a sentence, "
        f"and {changed['agree']:.1%} where they agree"
    )
