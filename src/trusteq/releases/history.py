"""A candidate through its releases: verdicts, every judged measure, and what changed from each run to the next.

Nothing is computed anew but verdicts, and these only if one policy is to judge all runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from trusteq.errors import OptionError
from trusteq.releases.since import breaks, what_changed
from trusteq.report.difference import RANK
from trusteq.report.figures.judged_rules import judged_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.record.document import AuditedCandidate
    from trusteq.releases.release import Release
    from trusteq.releases.since import Break, Group
    from trusteq.report.figures.judged_rules import JudgedRule
    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import Outcome, RuleVerdict


@dataclass(frozen=True)
class Point:
    """One measure in one run: its estimate, if it was measured, and the rule about it, if the policy had one."""

    release: int
    estimate: Estimate | None
    rule: RuleVerdict | None
    required: bool = True


@dataclass(frozen=True)
class Line:
    """One measure through all runs of a candidate, the oldest first.

    apart: the positions of points that must not be joined to the one before them, as they measure something else.
    """

    measure: str
    dimension: str
    points: tuple[Point, ...]
    apart: frozenset[int]


@dataclass(frozen=True)
class Turn:
    """A rule whose outcome changed; None where there was no such rule."""

    measure: str
    before: Point
    now: Point


@dataclass(frozen=True)
class Since:
    """From one run of a candidate to the next: the positions of both runs, and what changed."""

    before: int
    now: int
    outcomes: tuple[Outcome, Outcome]
    turns: tuple[Turn, ...]
    breaks: tuple[Break, ...]
    groups: tuple[Group, ...]

    @property
    def direction(self) -> str:
        """Whether the verdict is better or worse than it was, or as before."""
        before, now = (RANK[outcome] for outcome in self.outcomes)
        return "worse" if now > before else "better" if now < before else "as before"

    @property
    def changed(self) -> bool:
        """Whether the verdict is another."""
        return self.outcomes[0] is not self.outcomes[1]


@dataclass(frozen=True)
class Track:
    """One candidate: in which runs it is, as what, and how it went from each to the next."""

    name: str
    judged: dict[int, AuditedCandidate]
    lines: tuple[Line, ...]
    since: tuple[Since, ...]


@dataclass(frozen=True)
class History:
    """Runs in order, the oldest first, and every candidate through them.

    one_policy: whether one policy judged them all, not each its own. left_out: a line for each run that cannot be read.
    """

    releases: tuple[Release, ...]
    tracks: tuple[Track, ...]
    one_policy: bool = False
    left_out: tuple[str, ...] = ()


def history(
    releases: Sequence[Release],
    candidates: Sequence[str] = (),
    *,
    one_policy: bool = False,
    left_out: Sequence[str] = (),
) -> History:
    """The history of these candidates, by default of all, in runs that are in order."""
    tracks = [_track(name, judged, releases) for name, judged in _matched(releases)]
    unknown = next((name for name in candidates if name not in [track.name for track in tracks]), None)
    if unknown is not None:
        known = ", ".join(track.name for track in tracks)
        raise OptionError(f"--candidate {unknown}: no run has such a candidate; choose from {known}")
    chosen = tuple(track for track in tracks if not candidates or track.name in candidates)
    return History(tuple(releases), chosen, one_policy, tuple(left_out))


def _matched(releases: Sequence[Release]) -> list[tuple[str, dict[int, AuditedCandidate]]]:
    """Candidates with the same name; if each run has just one, these are one, whatever their names.

    Those of the last run come first.
    """
    if all(len(release.candidates) == 1 for release in releases):
        only = {at: one for at, release in enumerate(releases) for one in release.candidates.values()}
        return [(only[len(releases) - 1].name, only)]
    names = dict.fromkeys(name for release in reversed(releases) for name in release.candidates)
    return [
        (name, {at: release.candidates[name] for at, release in enumerate(releases) if name in release.candidates})
        for name in names
    ]


def _track(name: str, judged: dict[int, AuditedCandidate], releases: Sequence[Release]) -> Track:
    rules = {at: {rule.verdict.measure: rule for rule in judged_rules(one)} for at, one in judged.items()}
    found = []
    places = list(judged)
    for before, now in pairwise(places):
        runs = releases[before].run, releases[now].run
        was, is_ = judged[before], judged[now]
        turns = [
            Turn(measure, *(_point(at, judged[at], measure, rules[at].get(measure)) for at in (before, now)))
            for measure in dict.fromkeys([*rules[now], *rules[before]])
        ]
        found.append(
            Since(
                before,
                now,
                (was.verdict.outcome, is_.verdict.outcome),
                tuple(turn for turn in turns if _outcome(turn.before) is not _outcome(turn.now)),
                breaks(*runs),
                what_changed(*runs, (was.name, is_.name)),
            )
        )
    measures: dict[str, str] = {}
    for at in reversed(places):
        for measure, rule in rules[at].items():
            measures.setdefault(measure, rule.dimension)
    order = sorted(measures, key=lambda measure: [*_dimensions(judged)].index(measures[measure]))
    lines = (_line(measure, measures[measure], judged, rules, found) for measure in order)
    return Track(name, judged, tuple(lines), tuple(found))


def _dimensions(judged: dict[int, AuditedCandidate]) -> dict[str, None]:
    return dict.fromkeys(d.dimension for one in reversed(judged.values()) for d in one.verdict.dimensions)


def _line(
    measure: str,
    dimension: str,
    judged: dict[int, AuditedCandidate],
    rules: dict[int, dict[str, JudgedRule]],
    since: Sequence[Since],
) -> Line:
    points = tuple(_point(at, one, measure, rules[at].get(measure)) for at, one in judged.items())
    apart = {
        step.now for step in since if any(one.of_figures and one.dimension in (None, dimension) for one in step.breaks)
    }
    return Line(measure, dimension, points, frozenset(apart))


def _point(at: int, one: AuditedCandidate, measure: str, judged: JudgedRule | None) -> Point:
    if judged is None:
        return Point(at, one.flat.get(measure), None)
    return Point(at, judged.verdict.estimate, judged.verdict, judged.required)


def _outcome(point: Point) -> Outcome | None:
    return None if point.rule is None else point.rule.outcome
