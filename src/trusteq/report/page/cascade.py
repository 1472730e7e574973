"""Routing some items to the reference: what the two together do at every cut-off, and what is recommended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.auditing.routing import open_rules
from trusteq.comparing.conditions import in_words as conditions_in_words
from trusteq.comparing.measures import in_words
from trusteq.report.decisions import expected_seconds, latencies
from trusteq.report.page.html_table import Table, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.comparing.cascade import Rejudged, Together
    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence


@dataclass(frozen=True)
class CascadePart:
    """The table of the curve, and the table of what was chosen; None where nothing was.

    needed: whether a required rule of behaviour is not EQUIVALENT.
    """

    curve: Table
    chosen: Table | None
    needed: bool


def cascade(evidence: Evidence, candidate: AuditedCandidate) -> CascadePart | None:
    """What routing does; None if items have several outcomes."""
    found = candidate.cascade
    if found is None:
        return None
    timed = _times(evidence, candidate.name)
    heads = ("routed to the reference", "agreement with it", "right answers", *(["an item takes"] if timed else []))
    rows = [
        (f"below {point.cut_off:.10g}" if point.cut_off else "no item", *_cells(point), *_time(timed, point))
        for point in found.curve
    ]
    chosen = []
    if found.by_confidence is not None:
        tried = found.by_confidence
        chosen.append((f"confidence below {tried.cut_off:.10g}", *_cells(tried), _done(tried)))
    if found.by_condition is not None:
        met = found.by_condition
        which = " or that ".join(conditions_in_words(terms) for terms in met.conditions)
        chosen.append((f"items that {which}", *_cells(met), _done(met)))
    return CascadePart(
        Table("What both models do together, by cut-off of the candidate's confidence", ("confidence", *heads), rows),
        Table(
            "What was tried, on items that had no part in the choice",
            ("what is routed", "share of items", *heads[1:3], "what it does"),
            chosen,
            words=frozenset({0, 4}),
        )
        if chosen
        else None,
        bool(open_rules(candidate.verdict)),
    )


def _cells(together: Together) -> Sequence[str]:
    return share(together.routed), share(together.agreement), share(together.accuracy)


def _done(tried: Rejudged) -> str:
    """What it mends and what it makes worse, in words."""
    words = [f"mends {', '.join(map(in_words, tried.mends))}" if tried.mends else "is not shown to mend a rule"]
    if tried.harms:
        words.append(f"makes worse: {', '.join(map(in_words, tried.harms))}")
    return f"recommended: {'; '.join(words)}" if tried.recommended else "; ".join(words)


def _times(evidence: Evidence, candidate: str) -> tuple[float, float] | None:
    latency = latencies(evidence.costs)
    both = latency.get(candidate), latency.get(evidence.models[0])
    return None if both[0] is None or both[1] is None else (both[0], both[1])


def _time(timed: tuple[float, float] | None, together: Together) -> Sequence[str]:
    return [] if timed is None else [f"{expected_seconds(*timed, together.routed.value) * 1e3:,.3g} ms"]
