"""What the changed items have in common: a table of conditions, and the items that the item browser shows for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from trusteq.comparing.conditions import matching, seen
from trusteq.comparing.in_common import counted
from trusteq.data.clean import clean
from trusteq.report.page.html_table import Table, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence

HEADS = ("items that", "items", "what happens", "of them such items", "share of such items", "share of others", "p")

SMALLEST = 1e-16


def in_common(candidate: AuditedCandidate) -> Table | None:
    """The conditions of one candidate; each links to its items."""
    if not candidate.in_common:
        return None
    rows = [
        (
            common.words,
            f"{common.items:,}",
            counted(common),
            f"{common.matching:,}",
            share(common.inside),
            share(common.outside),
            f"{common.p_value:.1g}" if common.p_value >= SMALLEST else f"< {SMALLEST:g}",
        )
        for common in candidate.in_common
    ]
    links = [f"#common={at}&candidate={quote(clean(candidate.name), safe='')}" for at in range(len(rows))]
    return Table("What changed items have in common", HEADS, rows, words=frozenset({0, 2}), links=links)


def matching_items(evidence: Evidence, chosen: NDArray[np.int64]) -> list[list[dict[str, Any]]]:
    """By candidate, the conditions that the item browser offers, with the matching items by their place on the page."""
    candidates = evidence.document.candidates
    conditions = [common.terms for candidate in candidates for common in candidate.in_common]
    if not conditions:
        return [[] for _ in candidates]
    known = seen(evidence.bare_items, evidence.outcomes[0], evidence.labels, evidence.segments)
    matches = dict(zip(conditions, matching(conditions, known)[:, chosen], strict=True))
    return [
        [
            {"words": clean(common.words), "items": np.flatnonzero(matches[common.terms]).tolist()}
            for common in candidate.in_common
        ]
        for candidate in candidates
    ]
