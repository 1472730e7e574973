"""A history as Markdown: the last change first, a table of runs, the numbers folded away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.comparing.measures import in_words
from trusteq.releases.words import day, earlier_warnings, headline, judged_by, outcome_words, quiet, said, titles, why
from trusteq.report.markdown import LARGEST, MORE, NAME, dimension, outcome
from trusteq.report.markdown_text import details, escaped, table
from trusteq.report.wording import margin

if TYPE_CHECKING:
    from trusteq.releases.history import History, Line, Since, Track


def markdown(history: History) -> str:
    """The history, short enough for a comment: where it is not, the oldest parts are left out."""
    parts = [f"### Through {len(history.releases)} runs", f"{_capital(escaped(judged_by(history)))}."]
    last = history.releases[-1]
    parts += [f"> **left out**: {escaped(line)}" for line in history.left_out]
    parts += [f"> **{escaped(last.name, NAME)}**: {escaped(warning)}" for warning in last.warnings]
    parts += [_track(track, history) for track in history.tracks]
    if earlier := earlier_warnings(history):
        parts.append(details("Warnings of earlier runs", "\n".join(f"- {escaped(line)}" for line in earlier)))
    room = LARGEST - sum(len(part) + 2 for part in parts) - len(MORE)
    for part in (part for track in history.tracks for part in _folded(track, history)):
        room -= len(part) + 2
        if room < 0:
            parts.append(MORE)
            break
        parts.append(part)
    return "\n\n".join(parts) + "\n"


def _track(track: Track, history: History) -> str:
    """What became of a candidate, and every run that has it, the newest first."""
    text = f"**{escaped(track.name, NAME)}**: {escaped(headline(track, history))}"
    steps = {step.now: step for step in track.since}
    rows = []
    for at, one in reversed(track.judged.items()):
        release = history.releases[at]
        changed = escaped(titles(steps[at])) if at in steps else "the first run"
        outcomes = [dimension(d) for d in one.verdict.dimensions]
        named = dict(zip([d.dimension for d in one.verdict.dimensions], outcomes, strict=True))
        rows.append((release, one, named, changed))
    dimensions = dict.fromkeys(name for *_, named, _ in rows for name in named)
    lines = [
        [
            escaped(release.name, NAME),
            day(release),
            f"**{outcome(one.verdict.outcome)}**",
            *(named.get(name, "") for name in dimensions),
            changed,
        ]
        for release, one, named, changed in rows
    ]
    return f"{text}\n\n{table(['run', 'date', 'verdict', *dimensions, 'what changed'], lines)}"


def _folded(track: Track, history: History) -> list[str]:
    """What changed with each run, the newest first; then every judged measure."""
    name = escaped(track.name, NAME)
    changes = [_since(step, history) for step in reversed(track.since) if not quiet(step)]
    measures = "\n\n".join(_line(line, history) for line in track.lines)
    parts = [details(f"What changed: {name}", "\n\n".join(changes))] if changes else []
    return [*parts, details(f"Every judged measure: {name}", measures)] if measures else parts


def _since(step: Since, history: History) -> str:
    before, now = (escaped(history.releases[at].name, NAME) for at in (step.before, step.now))
    lines = [f"**{before} → {now}**: {outcome(step.outcomes[0])} → {outcome(step.outcomes[1])}", ""]
    lines += [
        f"- {escaped(in_words(turn.measure))}: {said(turn.before)} {outcome_words(turn.before)} → "
        f"{said(turn.now)} {outcome_words(turn.now)}"
        for turn in step.turns
    ]
    return "\n".join([*lines, *(f"- {escaped(line)}" for line in why(step) or ["nothing else differs"])])


def _line(line: Line, history: History) -> str:
    rows = [
        [
            escaped(history.releases[point.release].name, NAME) + (" ‡" if point.release in line.apart else ""),
            said(point),
            "" if point.rule is None else margin(point.rule),
            outcome_words(point),
        ]
        for point in line.points
    ]
    text = f"{escaped(in_words(line.measure))} ({line.dimension})\n\n{table(['run', 'value', 'margin', ''], rows)}"
    return f"{text}\n\n‡ not comparable with the run before it" if line.apart else text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
