"""Two runs compared, as a page: what ``trusteq diff`` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.comparing.measures import in_words
from trusteq.releases.since import value_words
from trusteq.report.difference import difference
from trusteq.report.page.html_table import Table
from trusteq.report.wording import MARKS, interval, listed, margin, number, percent, rule_words, urgent
from trusteq.view.pages import own_assets, rendered

if TYPE_CHECKING:
    from trusteq.record.evidence import Evidence
    from trusteq.report.difference import CandidateDifference, Change, Difference, Step
    from trusteq.view.shelf import Place

MOST_ANSWERS = 50
"""Changed answers that are listed; ``trusteq diff --json`` has all."""


@dataclass(frozen=True)
class Section:
    """A candidate of the page."""

    difference: CandidateDifference
    dimensions: list[tuple[str, Step]]
    changes: Table
    answers: str | None
    items: Table | None


def comparison_page(older: tuple[Place, Evidence], newer: tuple[Place, Evidence]) -> str:
    """The page of what changed from one run to another."""
    found = difference(older[1], newer[1])
    level = percent(found.newer.document.policy.level)
    was, is_ = (urgent(run.findings) for run in (found.older, found.newer))
    return rendered(
        "comparison.html",
        own_assets(),
        older=older[0],
        newer=newer[0],
        found=found,
        headline=_headline(found),
        pairing=f"changes are {'paired' if found.match.paired else 'computed as for independent samples'}, with "
        f"{level} intervals",
        warnings=[f"{older[0].name}, {line}" for line in was if line not in is_]
        + [f"{newer[0].name}, {line}" if line not in was else line for line in is_],
        sections=[_section(one, level) for one in found.candidates],
        settings=_settings(found),
        step_words=step_words,
    )


def _headline(found: Difference) -> str:
    """What became worse, or better."""
    by = "" if found.same_policy else " (judged by another policy)"
    worse = [one.name for one in found.candidates if one.worse]
    if worse:
        return f"Worse{by}: {listed(worse)}"
    better = [one.name for one in found.candidates if one.verdict.better]
    return f"No verdict got worse{f'; better{by}: {listed(better)}' if better else ''}"


def _section(one: CandidateDifference, level: str) -> Section:
    unjudged = {name for name, step in one.dimensions.items() if step.unmeasured and not step.required}
    shown = [c for c in one.changes if c.moved or ((c.now_rule or c.before_rule) and c.dimension not in unjudged)]
    heads = ("measure", "before", "now", f"change [{level}]", "", "margin", "")
    changes = Table(f"{one.name}, measure by measure", heads, [*map(_row, shown)], words=frozenset({0, 4, 5, 6}))
    answers = one.answered
    if answers is None:
        return Section(one, [*one.dimensions.items()], changes, None, None)
    flips = answers.flips
    told = "No answer changed." if not flips else (
        f"{len(flips):,} answer{'' if len(flips) == 1 else 's'} changed; {answers.lost:,} no longer match the "
        f"reference, {answers.regained:,} now do."
    )  # fmt: skip
    rows = [
        (
            row["id"], row["kind"], row["reference_answer"], f"{row['reference_confidence']:.3f}",
            row["candidate_answer"], f"{row['candidate_confidence']:.3f}",
        )
        for row in flips[:MOST_ANSWERS]
    ]  # fmt: skip
    of_items = ("item", "", "before", "confidence", "now", "confidence")
    items = Table(f"Changed answers, the {len(rows):,} most confident", of_items, rows, words=frozenset({0, 1, 2, 4}))
    return Section(one, [*one.dimensions.items()], changes, told, items if rows else None)


def _row(change: Change) -> tuple[str, ...]:
    rule = change.now_rule or change.before_rule
    return (
        in_words(change.measure),
        "–" if change.before is None else number(change.before.value),
        "–" if change.now is None else number(change.now.value),
        "–" if change.change is None else interval(change.change),
        change.direction,
        "" if rule is None else margin(rule),
        _outcomes(change),
    )


def _outcomes(change: Change) -> str:
    """How the rule judges now, and how before where that differs."""
    before, now = change.before_rule, change.now_rule
    if now is None:
        return "no rule" if before is None else f"no longer has a rule (was {MARKS[before.outcome]})"
    words = f"{MARKS[now.outcome]} {rule_words(now)}"
    if before is None:
        return f"{words} (new rule)"
    return words if before.outcome is now.outcome else f"{words} (was {MARKS[before.outcome]})"


def _settings(found: Difference) -> Table | None:
    """Everything else that differs."""
    rows = [(setting.name, value_words(setting.before), value_words(setting.now)) for setting in found.settings]
    heads = ("", "before", "now")
    return Table("What else differs", heads, rows, words=frozenset({0, 1, 2})) if rows else None


def step_words(step: Step) -> str:
    """Whether an outcome is better or worse than it was."""
    if step.before is step.now:
        return "as before"
    return "worse" if step.worse else "better" if step.better else ""
