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
    if all("distribution" in comparison.measures for comparison in audit.comparisons):
        return [_expected(comparison) for comparison in audit.comparisons]
    lines = [_line(comparison) for comparison in audit.comparisons]
    if line := _divided(audit):
        lines.append(line)
    if line := _mass(audit):
        lines.append(line)
    refused = [c for c in audit.comparisons if c.verdict.outcome is Outcome.NOT_EQUIVALENT]
    hidden = [c for c in refused if _moved(c) > -CLOSE and _changed(c) >= OFTEN]
    untested = [c for c in refused if c not in hidden and _is_not_significant(c) and _changed(c) >= OFTEN]
    if hidden or untested:
        most = max(hidden or untested, key=_changed)
        passes = "accuracy alone" if hidden else "a test of accuracy alone"
        lines.append(
            f"{passes} would have let {most.name} pass ({100 * _moved(most):+.1f} points"
            f"{'' if hidden else ', not significant'}), but {_changed(most):.1%} of its answers have changed"
        )
    return lines


def item_to_show(audit: Audit) -> str:
    """The id of an item whose answer changes, if possible one that was explained; the first item if none changes."""
    explained = set() if audit.explanation is None else {audit.items.ids[i] for i in audit.explanation.positions}
    flips = [row["id"] for comparison in audit.comparisons for row in comparison.flips]
    return next((id_ for id_ in flips if id_ in explained), next(iter(flips), audit.items.ids[0]))


def _line(comparison: Comparison) -> str:
    moved = 100 * _moved(comparison)
    return (
        f"{comparison.name}: accuracy {moved:+.1f} points, {_changed(comparison):.1%} of the answers changed, "
        f"{comparison.verdict.outcome.value}"
    )


def _expected(comparison: Comparison) -> str:
    """What a language model expects to read, compared with the reference."""
    measures = comparison.measures["distribution"]
    kl, same, nll = (measures[name].value for name in ("token_kl_excess", "same_top", "nll_per_byte_ratio"))
    return (
        f"{comparison.name}, next tokens: KL {kl:.3f} nats, the most probable token is the same at {same:.1%}, "
        f"NLL per byte {100 * (nll - 1):+.1f}%, {comparison.verdict.outcome.value}"
    )


def _moved(comparison: Comparison) -> float:
    return comparison.measures["behaviour"]["accuracy_difference"].value


def _changed(comparison: Comparison) -> float:
    return comparison.measures["behaviour"]["disagreement"].value


def _is_not_significant(comparison: Comparison) -> bool:
    estimate = comparison.measures["behaviour"]["accuracy_difference"]
    return bool(estimate.low <= 0 <= estimate.high)


def _mass(audit: Audit) -> str | None:
    """How probable the choices of a language model are, for the candidate where that changes most."""
    measured = [c for c in audit.comparisons if "mass_difference" in c.measures["behaviour"]]
    if not measured:
        return None
    most = max(measured, key=lambda c: abs(c.measures["behaviour"]["mass_difference"].value))
    before, after = (most.measures["behaviour"][f"mass_{side}"].value for side in ("reference", "candidate"))
    return (
        f"{most.name} gives all choices together {after:.1%} of the probability of what may come next, the reference "
        f"{before:.1%}"
    )


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
