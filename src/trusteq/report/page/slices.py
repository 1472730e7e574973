"""The slices of the items, and which of them suffer more than the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trusteq.measure_words import in_words
from trusteq.report.page.tables import Table
from trusteq.report.wording import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.report.evidence import Evidence

MEASURES = ("accuracy_difference", "disagreement", "confidence_shift", "smooth_ece_difference")
ALPHA = 0.05


@dataclass(frozen=True)
class Slices:
    """One candidate's slices; ``worse``: how many are surely worse off than the rest."""

    table: Table | None
    worse: int


def slices(evidence: Evidence, candidate: Mapping[str, Any]) -> Slices:
    """The slices of one candidate."""
    frame = evidence.estimates
    own = frame[(frame["candidate"] == candidate["name"]) & frame["slice_value"].notna()]
    own = own[own["measure"].isin(MEASURES)]
    found = {
        (row.slice_column, row.slice_value, row.measure): f"{number(row.value)} [{number(row.low)}, {number(row.high)}]"
        for row in own.itertuples(index=False)
    }
    names = [name for name in MEASURES if any(key[2] == name for key in found)]
    rows, worse = [], 0
    for s in candidate["slices"]:
        sure = [
            (p, name)
            for name, p in s["p_against_rest"].items()
            if p is not None and p < ALPHA and s["worse_than_rest"].get(name)
        ]
        worse += bool(sure)
        said = f"{in_words(min(sure)[1])}, p = {min(sure)[0]:.2g}" if sure else ""
        cells = [found.get((s["column"], s["value"], name), "–") for name in names]
        rows.append((f"{s['column']} = {s['value']}", f"{s['n']:,}", *cells, said))
    if not rows:
        return Slices(None, 0)
    heads = ("items with", "items", *(in_words(name) for name in names), "worse than the rest (Holm)")
    return Slices(Table("Slices", heads, rows, words=frozenset({0, len(heads) - 1})), worse)
