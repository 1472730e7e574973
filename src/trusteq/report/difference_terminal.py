"""The difference of two audits in the terminal: whether a verdict changed and by what, then how much each figure did.

Where both come from stands last, in a few lines.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trusteq.comparing.measures import in_words
from trusteq.data.clean import clean
from trusteq.report.difference import Step
from trusteq.report.responsive_table import ResponsiveTable
from trusteq.report.terminal import outcome, rule_outcome, warning_lines
from trusteq.report.wording import MARKS, NOT_JUDGED, interval, margin, number, percent, urgent
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from trusteq.report.difference import CandidateDifference, Change, Difference, Setting
    from trusteq.report.paired_runs import Answered
    from trusteq.stats.estimate import Estimate

LONGEST = 60
"""Characters of a setting's value."""

MOST_SETTINGS, MOST_RULES = 4, 2
"""Settings that differ, and rules that a verdict changed by."""


def render(difference: Difference, older: str, newer: str) -> RenderableType:
    """The whole difference; ``older`` and ``newer`` are the names of the two runs."""
    parts: list[RenderableType] = [
        Text(),
        _headline(difference),
        Text(f"from {clean(older)} to {clean(newer)}", style="dim"),
        *_read_first(difference, older, newer),
        Text(),
    ]
    for candidate in difference.candidates:
        parts += [*_candidate(candidate, difference.newer.document.policy.level), Text()]
    for names, when in (
        (difference.only_before, "only in the first run"),
        (difference.only_now, "only in the second run"),
    ):
        if names:
            parts.append(Text(f"{when}: {', '.join(map(clean, names))}"))
    parts.append(Text(f"{difference.match.reason}: {_pairing(difference)}", style="dim"))
    parts += _settings(difference.settings)
    return Group(*parts)


def _read_first(difference: Difference, older: str, newer: str) -> Iterator[RenderableType]:
    """What must be read before any number, of either run."""
    was, is_ = urgent(difference.older.findings), urgent(difference.newer.findings)
    yield from warning_lines([f"{older}, {warning}" for warning in was if warning not in is_])
    yield from warning_lines([f"{newer}, {warning}" if warning not in was else warning for warning in is_])


def _headline(difference: Difference) -> Text:
    by = "" if difference.same_policy else " (judged by another policy)"
    worse = [_by_what(candidate) for candidate in difference.candidates if candidate.worse]
    if worse:
        return Text(f"worse{by}: {'; '.join(worse)}", style="bold red")
    better = [_by_what(candidate) for candidate in difference.candidates if candidate.verdict.better]
    if better:
        return Text(f"no verdict got worse; better{by}: {'; '.join(better)}", style="bold")
    if any(candidate.verdict.before is not candidate.verdict.now for candidate in difference.candidates):
        return Text("no verdict got worse", style="bold")
    return Text("no verdict changed", style="bold")


def _by_what(candidate: CandidateDifference) -> str:
    """A candidate, its verdict before and now, and the figures of the rules whose outcomes changed with it."""
    step = candidate.verdict
    was, is_ = step.before, step.now
    moved = [
        change
        for change in candidate.changes
        if change.before_rule is not None
        and change.now_rule is not None
        and _changed_like(Step(change.before_rule.outcome, change.now_rule.outcome), worse=candidate.worse)
    ]
    verdict = f"{was} -> {is_}" if was is not is_ else f"still {is_}"
    figures = [f"{in_words(c.measure)} {_value(c.before)} -> {_value(c.now)}" for c in moved[:MOST_RULES]]
    if len(moved) > MOST_RULES:
        figures.append(f"{len(moved) - MOST_RULES} more")
    return f"{clean(candidate.name)} ({verdict}{': ' if figures else ''}{', '.join(figures)})"


def _changed_like(step: Step, *, worse: bool) -> bool:
    return step.worse if worse else step.better


def _pairing(difference: Difference) -> str:
    level = percent(difference.newer.document.policy.level)
    if difference.match.paired:
        return f"changes are paired, with {level} intervals"
    return f"changes are computed as for independent samples, with {level} intervals"


def _candidate(candidate: CandidateDifference, level: float) -> Iterator[RenderableType]:
    title = Text.assemble((clean(candidate.name), "bold"))
    if candidate.before != candidate.name:
        title.append(f" (was {clean(candidate.before)})")
    if candidate.same_model:
        title.append(", the same model")
    yield Text.assemble(title, ": ", *_step(candidate.verdict))
    steps = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, step in candidate.dimensions.items():
        steps.add_row(name, Text.assemble(*_step(step)))
    yield Padding(steps, (0, 0, 0, 2))
    unjudged = {name for name, step in candidate.dimensions.items() if step.unmeasured and not step.required}
    shown = [c for c in candidate.changes if c.moved or ((c.now_rule or c.before_rule) and c.dimension not in unjudged)]
    yield Padding(_changes(shown, level), (1, 0, 0, 2))
    if candidate.answered is not None:
        yield Padding(Text(_answers(candidate.answered), style="dim", overflow="fold"), (0, 0, 0, 2))


def _step(step: Step) -> list[Any]:
    """An outcome before and now, shown once where it stays."""
    if not step.required:
        was, is_ = (NOT_JUDGED if one is Outcome.NOT_MEASURED else one.lower() for one in (step.before, step.now))
        words = is_ if was == is_ else f"{was} -> {is_}"
        return [(f"({words})", "dim")]
    if step.before is step.now:
        return [outcome(step.now), ("  as before", "dim")]
    mark = ("  worse", "bold red") if step.worse else ("  better", "bold") if step.better else ("", "")
    return [outcome(step.before), " -> ", outcome(step.now), mark]


def _changes(changes: Sequence[Change], level: float) -> RenderableType:
    """A line per measure; in a narrow terminal, a few lines each."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("measure", header_style="dim", min_width=12)
    for column in ("before", "now"):
        table.add_column(column, header_style="dim", justify="right", no_wrap=True)
    table.add_column(f"change [{percent(level)}]", header_style="dim", no_wrap=True)
    table.add_column("")
    table.add_column("margin", header_style="dim", no_wrap=True)
    table.add_column("", no_wrap=True)
    lines: list[RenderableType] = []
    for change in changes:
        rule = change.now_rule or change.before_rule
        name, was, is_ = in_words(change.measure), _value(change.before), _value(change.now)
        by = "" if change.change is None else interval(change.change)
        limit = "" if rule is None else margin(rule)
        table.add_row(name, was, is_, by, change.direction, limit, _outcomes(change))
        lines.append(Text(f"{name} {was} -> {is_}"))
        moved = [Text(f"change {by}  {change.direction}".rstrip())] if by else []
        judged = Text.assemble(f"margin {limit}: " if limit else "", _outcomes(change))
        lines.append(Padding(Group(*moved, judged), (0, 0, 0, 2)))
    return ResponsiveTable(table, Group(*lines))


def _value(estimate: Estimate | None) -> str:
    return "-" if estimate is None else number(estimate.value)


def _outcomes(change: Change) -> Text:
    """The rule's outcome now, and the sign of its earlier one where that differs."""
    before, now = change.before_rule, change.now_rule
    if now is None:
        return Text("no rule" if before is None else f"no longer has a rule (was {MARKS[before.outcome]})", style="dim")
    if before is None:
        return Text.assemble(rule_outcome(now), (" (new rule)", "dim"))
    if before.outcome is now.outcome:
        return rule_outcome(now)
    return Text.assemble(rule_outcome(now), f" (was {MARKS[before.outcome]})")


def _answers(answered: Answered) -> str:
    flips = answered.flips
    if not flips:
        return "no answer changed"
    text = "1 answer changed" if len(flips) == 1 else f"{len(flips):,} answers changed"
    kinds = [row["kind"] for row in flips]
    if "unlabelled" not in kinds:
        counts = ((kinds.count(kind), kind) for kind in dict.fromkeys(("right to wrong", "wrong to right", *kinds)))
        text += f" since the first run: {', '.join(f'{count:,} from {kind}' for count, kind in counts)}"
    text += (
        f"; {answered.lost:,} no longer match the reference, {answered.regained:,} now do; most confident: "
        f"item {clean(flips[0]['id'])}, {clean(flips[0]['reference_answer'])} -> {clean(flips[0]['candidate_answer'])} "
        f"at {flips[0]['candidate_confidence']:.3f}"
    )
    return text


def _settings(settings: Sequence[Setting]) -> list[RenderableType]:
    if not settings:
        return [Text("nothing else differs", style="dim")]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for setting in settings[:MOST_SETTINGS]:
        before, now = _from_where_they_differ(_setting_text(setting.before), _setting_text(setting.now))
        table.add_row(Text(clean(setting.name)), Text(f"{before} -> {now}"))
    remaining = len(settings) - MOST_SETTINGS
    parts: list[RenderableType] = [Text("what else differs", style="bold"), Padding(table, (0, 0, 0, 2))]
    return [*parts, Text(f"  and {remaining:,} more (--json has them all)", style="dim")] if remaining > 0 else parts


def _setting_text(value: Any) -> str:
    """A setting's value; of a hash the beginning."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value)
    return clean(text[:12] if len(text) == 64 and not text.strip("0123456789abcdef") else text)


def _from_where_they_differ(before: str, now: str) -> list[str]:
    """Both texts, cut to what fits; if they would look alike, with what they begin with left out, but for a word."""
    same = next((i for i, (a, b) in enumerate(zip(before, now, strict=False)) if a != b), min(len(before), len(now)))
    start = same - LONGEST // 4 if same >= LONGEST - 1 else 0
    rests = (f"…{text[start:].lstrip()}" if start else text for text in (before, now))
    return [rest if len(rest) <= LONGEST else f"{rest[: LONGEST - 1]}…" for rest in rests]
