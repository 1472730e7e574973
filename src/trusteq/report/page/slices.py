"""The slices of the items, and which of them do worse than the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from trusteq.compare.measures import in_words
from trusteq.compare.slices import LABEL, POSITION, REFERENCE_CONFIDENCE, count_columns
from trusteq.data.segment import kinds
from trusteq.report.page.html_table import Table
from trusteq.report.wording import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trusteq.record.document import AuditedCandidate, Part
    from trusteq.record.evidence import Evidence

MEASURES = (
    "accuracy_difference",
    "disagreement",
    "confidence_shift",
    "smooth_ece_difference",
    "token_kl_excess",
    "token_kl_at_least_excess",
)
ALPHA = 0.05

P = TypeVar("P", bound="Part")


@dataclass(frozen=True)
class Slices:
    """One candidate's slices; ``worse``: how many are shown to do worse than the rest."""

    table: Table | None
    worse: int


def slices(evidence: Evidence, candidate: AuditedCandidate) -> Slices:
    """The slices of one candidate."""
    estimates = slice_estimates(evidence, candidate)
    names = [name for name in MEASURES if any(key[2] == name for key in estimates)]
    rows, worse = [], 0
    for s in in_order(s for s in candidate.slices if s.column not in (REFERENCE_CONFIDENCE, POSITION)):
        significant = [(p, name) for name, p in s.p_against_rest.items() if p < ALPHA and s.worse_than_rest.get(name)]
        worse += bool(significant)
        evidence_of_it = ""
        if significant:
            p, name = min(significant)
            evidence_of_it = f"{in_words(name)} {estimates.get((s.column, s.value, name), '')}, p\u00a0=\u00a0{p:.2g}"
        rows.append((*row(s, names, estimates), evidence_of_it))
    if not rows:
        return Slices(None, 0)
    heads = ("items with", "items", *(in_words(name) for name in names), "worse than the rest (Holm)")
    return Slices(Table("Slices", heads, rows, words=frozenset({0, len(heads) - 1})), worse)


def slice_estimates(evidence: Evidence, candidate: AuditedCandidate) -> dict[tuple[str, str, str], str]:
    """Every estimate of every slice of one candidate with its interval, by column, value and measure."""
    frame = evidence.estimates
    rows = frame[(frame["candidate"] == candidate.name) & frame["slice_value"].notna()]
    keys = zip(rows["slice_column"], rows["slice_value"], rows["measure"], strict=True)
    ends = zip(rows["value"], rows["low"], rows["high"], strict=True)
    return {
        key: f"{number(value)} [{number(low)}, {number(high)}]"
        for key, (value, low, high) in zip(keys, ends, strict=True)
    }


def row(part: Part, names: Iterable[str], estimates: Mapping[tuple[str, str, str], str]) -> tuple[str, ...]:
    """The name of a slice, how many items it holds, and its estimates of these measures; a dash where there is none."""
    cells = (estimates.get((part.column, part.value, name), "–") for name in names)
    return (f"{part.column} = {part.value}", f"{part.n:,}", *cells)


def columns(evidence: Evidence) -> dict[str, Sequence[str]]:
    """What items are sliced by: their label, their columns, and their length in quarters [items]."""
    frame = evidence.items
    by_name: dict[str, Sequence[str]] = {}
    if evidence.gold is not None and evidence.labels:
        by_name[LABEL] = [str(label) for label in frame["label"]]
    prefix = "column "
    for name in (str(name) for name in frame.columns if str(name).startswith(prefix)):
        by_name[name.removeprefix(prefix)] = [str(value) for value in frame[name]]
    return by_name | count_columns(evidence.segments.values())


def in_order(parts: Iterable[P]) -> list[P]:
    """Slices column by column in their order of appearance, those of counts from few to many."""
    slices_, counts = list(parts), {name for kind in kinds().values() for name in kind.counted}
    place = {column: i for i, column in enumerate(dict.fromkeys(part.column for part in slices_))}
    return sorted(slices_, key=lambda s: (place[s.column], natural(s.value) if s.column in counts else ([], "")))


def natural(text: str) -> tuple[list[tuple[int, str]], str]:
    """A key that sorts "7-16 words" before "17-20 words"."""
    parts = re.split(r"(\d{1,18})", text)
    return [(int(part), "") if i % 2 else (-1, part) for i, part in enumerate(parts)], text
