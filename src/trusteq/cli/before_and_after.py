"""A candidate before and after it was brought nearer to its original: verdicts, figures, and what moved."""

from __future__ import annotations

import re
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType
    from rich.text import Text

    from trusteq.record.audit import Audit
    from trusteq.report.difference import CandidateDifference, Change
    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import RuleVerdict

TITLES = {"kl_reference_candidate": "KL from the original"}

GROUPS: Mapping[str, re.Pattern[str]] = {
    "head": re.compile(r"^(classifier|score|pre_classifier|classification_head|lm_head|fc)\b"),
    "norms": re.compile(r"norm|\bln_|\bbn\d", re.IGNORECASE),
    "biases": re.compile(r"bias$"),
    "scales": re.compile(r"scale$"),
    "corrections": re.compile(r"\.correction$"),
    "weights": re.compile(r""),
}
"""Groups of tensors, by what their names hold; the first that fits counts."""


def before_and_after(audit: Audit, change: CandidateDifference) -> list[RenderableType]:
    """The question, a table of verdicts and of the figures that decide, and why the verdicts are what they are."""
    from rich.padding import Padding
    from rich.text import Text

    from trusteq.report.terminal import headline, reason

    document = audit.evidence.document
    n, ignored, explained = document.items.n, document.items.ignored, document.explained
    return [
        headline(document.reference.name, n, ignored, audit.policy, explained),
        Padding(_verdicts(change), (0, 0, 1, 0)),
        _figures(audit, change),
        *_remark(change),
        *(reason(one.name, one.verdict) for one in audit.comparisons),
        Text(),
    ]


def how_far(moved: Mapping[str, float]) -> RenderableType:
    """By group of tensors, how many moved and how far: changes as shares of their length before."""
    from rich.table import Table
    from rich.text import Text

    from trusteq.data.clean import clean

    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name in moved:
        groups[next(group for group, pattern in GROUPS.items() if pattern.search(name))].append(name)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("moved", "tensors", "median change", "largest change"):
        table.add_column(column, header_style="dim", justify="left" if column == "moved" else "right")
    table.add_column("", overflow="fold")
    for group, names in groups.items():
        if names:
            furthest = max(names, key=lambda name: moved[name])
            shares = (f"{share:.2%}" for share in (median(moved[name] for name in names), moved[furthest]))
            table.add_row(group, f"{len(names):,}", *shares, Text(clean(furthest), style="dim"))
    return table


def _verdicts(change: CandidateDifference) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    from trusteq.report.terminal import outcome

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("", change.before, change.name):
        table.add_column(column, header_style="dim", no_wrap=True)
    for name, step in {"verdict": change.verdict, **change.dimensions}.items():
        both = [outcome(one) for one in (step.before, step.now)]
        if not step.required:
            both = [Text(f"({one.plain})", style="dim") for one in both]
        table.add_row(name, *both)
    return table


def _figures(audit: Audit, change: CandidateDifference) -> RenderableType:
    """A line per measure; in a narrow terminal, a few lines each."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from trusteq.compress.before_and_after import is_shown
    from trusteq.report.responsive_table import ResponsiveTable
    from trusteq.report.wording import interval, margin, percent, title

    level = percent(audit.policy.level)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("measure and margin", header_style="dim")
    for column in (change.before, change.name, "change"):
        table.add_column(f"{column} [{level}]", header_style="dim", no_wrap=True)
    table.add_column("", no_wrap=True)
    lines: list[RenderableType] = []
    for one in change.changes:
        if not is_shown(one.measure, audit.policy) or (one.before is None and one.now is None):
            continue
        name = TITLES.get(one.measure) or title(one.measure)
        limited = name if one.now_rule is None else f"{name} {margin(one.now_rule)}"
        sides = [_side(one.before, one.before_rule), _side(one.now, one.now_rule)]
        by = [interval(one.change), _direction(one)] if one.change is not None and one.paired else ["", ""]
        table.add_row(limited, *sides, *by)
        lines.append(Text(limited))
        said = (Text.assemble(f"{change.before} ", sides[0]), Text.assemble(f"{change.name} ", sides[1]))
        lines.append(Padding(Group(*said, Text(f"change {by[0]} {by[1]}".rstrip())), (0, 0, 0, 2)))
    return ResponsiveTable(table, Group(*lines))


def _side(estimate: Estimate | None, rule: RuleVerdict | None) -> Text:
    """A figure with its interval, and the sign of its rule's outcome."""
    from rich.text import Text

    from trusteq.report.terminal import STYLES
    from trusteq.report.wording import MARKS, interval

    if estimate is None:
        return Text("-")
    if rule is None:
        return Text(f"  {interval(estimate)}")
    return Text.assemble((MARKS[rule.outcome], STYLES[rule.outcome]), f" {interval(estimate)}")


def _direction(change: Change) -> str:
    """Whether it is shown to be better or worse."""
    if change.measure == "kl_reference_candidate" and change.moved and change.change is not None:
        return "better" if change.change.value < 0 else "worse"
    return change.direction


def _remark(change: CandidateDifference) -> list[RenderableType]:
    from rich.text import Text

    if not any(one.measure.startswith("alignment") and one.paired for one in change.changes):
        return []
    words = "changes of alignment are those of the items explained for either, and need not be the difference exactly"
    return [Text(words, style="dim")]
