"""The slices of the items, and which of them suffer more than the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trusteq.compare.measures import in_words
from trusteq.compare.slices import LABEL, count_columns
from trusteq.data.segment import KINDS
from trusteq.report.page.tables import Table
from trusteq.report.wording import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trusteq.record.evidence import Evidence

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
    found = {
        (row.slice_column, row.slice_value, row.measure): f"{number(row.value)} [{number(row.low)}, {number(row.high)}]"
        for row in own.itertuples(index=False)
    }
    names = [name for name in MEASURES if any(key[2] == name for key in found)]
    rows, worse = [], 0
    for s in in_order(candidate["slices"]):
        sure = [
            (p, name)
            for name, p in s["p_against_rest"].items()
            if p is not None and p < ALPHA and s["worse_than_rest"].get(name)
        ]
        worse += bool(sure)
        said = ""
        if sure:
            p, name = min(sure)
            said = f"{in_words(name)} {found.get((s['column'], s['value'], name), '')}, p\u00a0=\u00a0{p:.2g}"
        cells = [found.get((s["column"], s["value"], name), "–") for name in names]
        rows.append((f"{s['column']} = {s['value']}", f"{s['n']:,}", *cells, said))
    if not rows:
        return Slices(None, 0)
    heads = ("items with", "items", *(in_words(name) for name in names), "worse than the rest (Holm)")
    return Slices(Table("Slices", heads, rows, words=frozenset({0, len(heads) - 1})), worse)


def columns(evidence: Evidence) -> dict[str, Sequence[str]]:
    """What items are sliced by: their label, their columns, and their length in quarters [items]."""
    frame = evidence.items
    found: dict[str, Sequence[str]] = {}
    if evidence.gold is not None and evidence.labels:
        found[LABEL] = [str(label) for label in frame["label"]]
    prefix = "column "
    for name in (str(name) for name in frame.columns if str(name).startswith(prefix)):
        found[name.removeprefix(prefix)] = [str(value) for value in frame[name]]
    return found | count_columns(evidence.segments.values())


def in_order(parts: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Slices column by column as they come, those of a count from few to many."""
    found, counts = list(parts), {name for kind in KINDS.values() for name in kind.counted}
    place = {column: i for i, column in enumerate(dict.fromkeys(part["column"] for part in found))}
    return sorted(found, key=lambda s: (place[s["column"]], natural(s["value"]) if s["column"] in counts else ([], "")))


def natural(text: str) -> tuple[list[tuple[int, str]], str]:
    """A key that sorts "7-16 words" before "17-20 words"."""
    parts = re.split(r"(\d{1,18})", text)
    return [(int(part), "") if i % 2 else (-1, part) for i, part in enumerate(parts)], text
