"""The ids of the items whose answer changed, or that meet a condition: to retrain with, to label, or to explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.comparing.conditions import matching, seen
from trusteq.errors import OptionError, RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.record.evidence import Evidence


def changed_ids(evidence: Evidence, candidate: str | None) -> list[str]:
    """The items whose answer a candidate changed, in the order of the items."""
    flips, name = evidence.flips, _only(evidence, candidate)
    changed = set(flips["id"][flips["candidate"] == name])
    return [id_ for id_ in evidence.items["id"].tolist() if id_ in changed]


def matching_ids(evidence: Evidence, candidate: str | None, number: int) -> list[str]:
    """The items that meet a candidate's condition of this number, from 1 on, in the order of the items."""
    name = _only(evidence, candidate)
    conditions = evidence.candidate(name).in_common
    if not 1 <= number <= len(conditions):
        known = f"choose from 1 to {len(conditions)}" if conditions else "no condition was found"
        raise OptionError(f"{name} has no condition {number}; {known}")
    known_of_items = seen(evidence.bare_items, evidence.outcomes[0], evidence.labels, evidence.segments)
    (match,) = matching([conditions[number - 1].terms], known_of_items)
    return [id_ for id_, meets in zip(evidence.items["id"].tolist(), match.tolist(), strict=True) if meets]


def as_lines(ids: Sequence[str]) -> str:
    """One id a line, as --explain-ids reads them."""
    for id_ in ids:
        if id_ != id_.strip() or len(id_.splitlines()) != 1:
            raise RunError(f"id {id_!r} cannot stand on a line of its own; use --json")
    return "".join(f"{id_}\n" for id_ in ids)


def _only(evidence: Evidence, candidate: str | None) -> str:
    """The named candidate, or the only one."""
    candidates = evidence.models[1:]
    if candidate is None and len(candidates) > 1:
        raise OptionError(f"there are several candidates; name one with --candidate: {', '.join(candidates)}")
    name = candidates[0] if candidate is None else candidate
    if name not in candidates:
        raise OptionError(f"--candidate {name}: there is no such candidate; choose from {', '.join(candidates)}")
    return name
