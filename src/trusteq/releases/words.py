"""What a history says in sentences, the same in the terminal, in Markdown and on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.releases.since import DETAILS
from trusteq.report.figures.judged_rules import judged_rules
from trusteq.report.wording import MARKS, interval, listed, policy_words, rule_words

if TYPE_CHECKING:
    from trusteq.record.document import AuditedCandidate
    from trusteq.releases.history import History, Point, Since, Track
    from trusteq.releases.release import Release


def judged_by(history: History) -> str:
    """By which policy the runs were judged."""
    policies = {policy_words(release.run.document.policy) for release in history.releases}
    if history.one_policy:
        (policy,) = policies
        return f"all judged by policy {policy}, whatever they were judged by when they were made"
    if len(policies) == 1:
        (policy,) = policies
        return f"judged by policy {policy}"
    return f"each judged by its own policy ({len(policies)} different ones; --policy judges all by one)"


def headline(track: Track, history: History) -> str:
    """What became of a candidate with its last run."""
    names = [release.name for release in history.releases]
    last = list(track.judged)[-1]
    outcome = track.judged[last].verdict.outcome
    ending = "" if last == len(names) - 1 else f" (it is not in the last run, {names[-1]})"
    if not track.since:
        return f"{outcome} in {names[last]}, the only run that has it{ending}"
    step = track.since[-1]
    unlike = [_UNLIKE[one.kind] for one in step.breaks if one.kind in _UNLIKE]
    ending = (f" ({listed(unlike)})" if unlike else "") + ending
    if not step.changed:
        return f"{outcome} in {names[last]}, as in {names[step.before]}{ending}"
    return f"{outcome} in {names[last]}, was {step.outcomes[0]} in {names[step.before]}: {step.direction}{ending}"


_UNLIKE = {
    "task": "in another task",
    "questions": "asked in another way",
    "items": "on other items",
    "labels": "with other labels, clusters or columns",
    "reference": "against another reference",
    "policy": "by another policy",
}
"""What must be known of a verdict that is set beside an earlier one."""


def why(step: Since) -> list[str]:
    """What changed with a verdict, a line each: first what makes figures unlike each other, then everything else."""
    lines = [one.sentence for one in step.breaks]
    told = {one.kind for one in step.breaks} & {"items", "reference"} | {DETAILS}
    return [*lines, *(f"{group.title}: {group.words}" for group in step.groups if group.title not in told)]


def titles(step: Since) -> str:
    """The kinds of things that changed, in a few words."""
    named = [group.title for group in step.groups if group.title != DETAILS]
    return listed(named) if named else "nothing"


def said(point: Point) -> str:
    """A point's estimate with its interval, or that there is none."""
    return "not measured" if point.estimate is None else interval(point.estimate)


def outcome_words(point: Point) -> str:
    """How a point was judged."""
    if point.rule is None:
        return "no rule"
    return f"{MARKS[point.rule.outcome]} {rule_words(point.rule, required=point.required)}"


def decisive(one: AuditedCandidate) -> str:
    """How many of the rules that the verdict needs are within their margins."""
    rules = [rule.verdict for rule in judged_rules(one) if rule.required]
    within = sum(rule.outcome == "EQUIVALENT" for rule in rules)
    return f"{within} of {len(rules)}"


def earlier_warnings(history: History) -> list[str]:
    """What must be read before the numbers of earlier runs and is not said of the last, each sentence once."""
    found: dict[str, list[str]] = {}
    *earlier, last = history.releases
    for release in earlier:
        for warning in release.own_warnings:
            if warning not in last.own_warnings:
                found.setdefault(warning, []).append(release.name)
    return [f"{listed(names)}, {warning}" for warning, names in found.items()]


def quiet(step: Since) -> bool:
    """Whether nothing changed from one run to the next that is worth a line."""
    return not (step.changed or step.turns or why(step))


def day(release: Release) -> str:
    """The day on which a run was written."""
    return "–" if release.written is None else release.written.isoformat()
