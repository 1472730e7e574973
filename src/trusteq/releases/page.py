"""The page of a history: one HTML file that needs nothing else, not even scripts."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import quote

import trusteq
from trusteq.comparing.measures import in_words
from trusteq.releases.figure import MeasureDisplay
from trusteq.releases.since import kinds
from trusteq.releases.words import day, earlier_warnings, headline, judged_by, outcome_words, quiet, said, why
from trusteq.report.figures.inline import inline_svg
from trusteq.report.page.assets import assets
from trusteq.report.page.html_table import Table
from trusteq.report.page.page import environment
from trusteq.report.wording import listed, margin, percent, policy_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trusteq.releases.history import History, Line, Since, Track
    from trusteq.report.page.assets import Assets
    from trusteq.verdict import Outcome


@dataclass(frozen=True)
class Drawing:
    """A measure's drawing, its name, how it stands now, and how it was judged, in words, too."""

    measure: str
    svg: str | None
    now: str
    outcome: Outcome | None
    words: str


@dataclass(frozen=True)
class Section:
    """A candidate of the page; ``quiet``: from how many runs to the next nothing changed."""

    track: Track
    headline: str
    outcome: Outcome
    drawings: list[Drawing]
    changes: list[tuple[Since, str, list[str], list[str]]]
    quiet: int
    numbers: Table


def page(history: History, links: Mapping[int, str] | None = None, *, back: str | None = None) -> str:
    """The page, the same bytes for the same runs.

    ``links`` lead from a run's position to its report, ``back`` to the list of runs that it was opened from.
    """
    text = resources.files("trusteq.releases").joinpath("page.html").read_text("utf-8")
    releases = history.releases
    return (
        environment()
        .from_string(text)
        .render(
            assets=styles(),
            version=trusteq.__version__,
            history=history,
            names=[release.name for release in releases],
            judged_by=judged_by(history),
            warnings=[f"{releases[-1].name}, {warning}" for warning in releases[-1].warnings],
            earlier=earlier_warnings(history),
            back=back,
            runs=[_run(history, at, (links or {}).get(at)) for at in reversed(range(len(releases)))],
            sections=[_section(track, history) for track in history.tracks],
            levels=listed(sorted({percent(release.run.document.policy.level) for release in releases})),
        )
    )


def reports_from(history: History, folder: Path) -> dict[int, str]:
    """Where the runs' own pages are, as far as they have any, as seen from a folder."""
    found = {at: release.report for at, release in enumerate(history.releases)}
    return {
        # A name with a colon must not look like an address.
        at: f"./{quote(os.path.relpath(path.resolve(), folder.resolve()).replace(os.sep, '/'))}"
        for at, path in found.items()
        if path is not None
    }


@cache
def styles() -> Assets:
    """The style of the report with that of histories and lists; their scripts are not used."""
    own = resources.files("trusteq.releases").joinpath("page.css").read_text("utf-8")
    report = assets()
    return replace(report, style=report.style + own)


def _run(history: History, at: int, link: str | None) -> dict[str, object]:
    """A run in the table of all."""
    release = history.releases[at]
    document = release.run.document
    return {
        "number": at + 1,
        "name": release.name,
        "link": link,
        "day": day(release),
        "items": f"{document.items.n:,}",
        "policy": policy_words(document.policy),
        "trusteq": release.run.manifest["trusteq"],
        "outcomes": [track.judged[at].verdict.outcome if at in track.judged else None for track in history.tracks],
    }


def _section(track: Track, history: History) -> Section:
    last = [*track.judged.values()][-1]
    return Section(
        track,
        headline(track, history),
        last.verdict.outcome,
        [_drawing(line, track, history) for line in track.lines],
        [
            (
                step,
                f"{history.releases[step.before].name} → {history.releases[step.now].name}",
                [
                    f"{in_words(turn.measure)}: {said(turn.before)} {outcome_words(turn.before)} → "
                    f"{said(turn.now)} {outcome_words(turn.now)}"
                    for turn in step.turns
                ],
                why(step),
            )
            for step in reversed(track.since)
            if not quiet(step)
        ],
        sum(map(quiet, track.since)),
        _numbers(track, history),
    )


def _drawing(line: Line, track: Track, history: History) -> Drawing:
    marks = {}
    for step in track.since:
        if found := [one for one in step.breaks if one.dimension in (None, line.dimension)]:
            marks[step.now] = kinds(found)
    names = [release.name for release in history.releases]
    display = MeasureDisplay.of(line, names, marks)
    name, last = in_words(line.measure), line.points[-1]
    label = f"{name} in {len(line.points)} runs; in the last, {names[last.release]}: {said(last)}"
    return Drawing(
        name,
        None if display is None else inline_svg(display, label=label),
        said(last) if last.rule is None else f"{said(last)}, {margin(last.rule)}",
        None if last.rule is None else last.rule.outcome,
        outcome_words(last),
    )


def _numbers(track: Track, history: History) -> Table:
    """Every point of every measure."""
    rows = [
        (
            in_words(line.measure),
            history.releases[point.release].name,
            said(point),
            "–" if point.estimate is None else f"{point.estimate.n:,}",
            "–" if point.rule is None else margin(point.rule),
            outcome_words(point),
            "not comparable with the run before" if point.release in line.apart else "",
            "–" if point.estimate is None else point.estimate.method,
        )
        for line in track.lines
        for point in line.points
    ]
    heads = ("measure", "run", "value", "n", "margin", "", "", "how it was computed")
    return Table(f"{track.name} in numbers", heads, rows, words=frozenset({0, 1, 4, 5, 6, 7}))
