"""A history as plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.record.plain import plain

if TYPE_CHECKING:
    from trusteq.releases.history import History, Line, Point, Since, Track

SCHEMA_VERSION = 1


def history_document(history: History) -> dict[str, Any]:
    """The whole history; runs are referred to by their position."""
    return {
        "schema_version": SCHEMA_VERSION,
        "one_policy": history.one_policy,
        "runs": [
            {
                "name": plain(release.name),
                "directory": plain(str(release.run.directory)),
                "written": None if release.written is None else release.written.isoformat(),
                "trusteq": plain(release.run.manifest["trusteq"]),
                "items": release.run.document.items.n,
                "policy": plain(release.run.document.policy.name),
                "policy_sha256": release.run.document.policy.content(),
                "read_first": plain(release.warnings if release is history.releases[-1] else release.own_warnings),
            }
            for release in history.releases
        ],
        "candidates": [_track(track) for track in history.tracks],
        "left_out": plain(history.left_out),
    }


def _track(track: Track) -> dict[str, Any]:
    return {
        "name": plain(track.name),
        "runs": [
            {
                "run": at,
                "name": plain(one.name),
                "outcome": str(one.verdict.outcome),
                "reason": plain(one.verdict.reason),
                "dimensions": {
                    d.dimension: {"outcome": str(d.outcome), "required": d.required} for d in one.verdict.dimensions
                },
            }
            for at, one in track.judged.items()
        ],
        "measures": [_line(line) for line in track.lines],
        "changes": [_since(step) for step in track.since],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "measure": line.measure,
        "dimension": line.dimension,
        "not_comparable_with_the_one_before": sorted(line.apart),
        "points": [{"run": point.release, **_point(point)} for point in line.points],
    }


def _point(point: Point) -> dict[str, Any]:
    rule = point.rule
    return {
        "estimate": plain(point.estimate),
        "rule": None if rule is None else plain(rule.rule),
        "outcome": None if rule is None else str(rule.outcome),
        "required": rule is not None and point.required,
    }


def _since(step: Since) -> dict[str, Any]:
    return {
        "before": step.before,
        "now": step.now,
        "outcomes": [str(outcome) for outcome in step.outcomes],
        "change": step.direction,
        "rules": [
            {"measure": turn.measure, "before": _point(turn.before), "now": _point(turn.now)} for turn in step.turns
        ],
        "breaks": [{"kind": one.kind, "dimension": one.dimension, "sentence": one.sentence} for one in step.breaks],
        "settings": {group.title: plain(group.settings) for group in step.groups},
    }
