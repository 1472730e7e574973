"""The slices of the items, and which of them do worse than the rest."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from trusteq.comparing.measures import in_words, judged_as
from trusteq.comparing.slices import LABEL, MIN_ITEMS, MOST_SLICES, POSITION, REFERENCE_CONFIDENCE, count_columns
from trusteq.data.segment import kinds
from trusteq.report.page.html_table import Table
from trusteq.report.wording import listed, number
from trusteq.stats.p_value import p_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from trusteq.record.document import AuditedCandidate, Part, SliceSummary
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
MOST_ROWS = 60
NO_BREAK = "\u00a0"

P = TypeVar("P", bound="Part")


@dataclass(frozen=True)
class Slices:
    """One candidate's slices, the strongest evidence first.

    worse: how many are shown to do worse than the rest. looked_at: how many there are. notes: what was left out.
    """

    table: Table | None
    worse: int
    looked_at: int = 0
    notes: tuple[str, ...] = ()


def slices(evidence: Evidence, candidate: AuditedCandidate) -> Slices:
    """The slices of one candidate."""
    estimates = slice_estimates(evidence, candidate)
    judged = [judged_as(name, candidate.flat) for rules in evidence.document.policy.rules.values() for name in rules]
    measured = {name for _, _, name in estimates}
    names = [name for name in dict.fromkeys(judged) if name in measured]
    names = names or [name for name in MEASURES if name in measured]
    parts = in_order(s for s in candidate.slices if s.column not in (REFERENCE_CONFIDENCE, POSITION))
    if not parts:
        return Slices(None, 0)
    shown = [(_worst(s), s) for s in parts]
    shown.sort(key=lambda one: one[0])
    rows = []
    for (_, p, name), s in shown[:MOST_ROWS]:
        figure = "" if name in names else estimates.get((s.column, s.value, name), "")
        subject = " ".join(filter(None, (in_words(name), figure)))
        said = f"{subject}, {p_words(p).replace(' ', NO_BREAK)}" if p < ALPHA else ""
        where, items, *figures = row(s, names, estimates)
        rows.append((where, items, said, *figures))
    heads = ("items with", "items", "worse than the rest (Holm)", *(in_words(name) for name in names))
    table = Table("Slices", heads, rows, words=frozenset({0, 2}))
    notes = (*_left_out(evidence, parts), *_not_in_full(parts, [n for n in names if n in judged], estimates))
    if len(parts) > MOST_ROWS:
        notes = (f"The {MOST_ROWS} with the strongest evidence are shown; estimates.parquet has all.", *notes)
    return Slices(table, sum(p < ALPHA for (_, p, _), _ in shown), len(parts), notes)


def _worst(part: SliceSummary) -> tuple[bool, float, str]:
    """Whether no judged measure shows a slice to do worse, the smallest p-value that speaks against it, and of what."""
    judged = min(((p, name) for name, p in part.p_judged.items()), default=(1.0, ""))
    if judged[0] < ALPHA:
        return False, *judged
    rest = ((p, name) for name, p in part.p_against_rest.items() if part.worse_than_rest.get(name))
    return True, *min(rest, default=(1.0, ""))


def _left_out(evidence: Evidence, parts: Sequence[Part]) -> Iterator[str]:
    """A sentence about each column with values of too few items, or more values than are measured."""
    for column, values in columns(evidence).items():
        counts = Counter(values)
        small = [count for count in counts.values() if count < MIN_ITEMS]
        if small:
            yield (
                f"{column}: {len(small):,} of {len(counts):,} values, with {sum(small):,} items in all, have fewer "
                f"than {MIN_ITEMS} items each and were not looked at by themselves."
            )
        more = len(counts) - len(small) - sum(part.column == column for part in parts)
        if len(counts) - len(small) > MOST_SLICES and more > 0:
            yield f"{column}: {more:,} more values differ less from the rest than those listed and were not measured."


def _not_in_full(
    parts: Sequence[Part], judged: Sequence[str], estimates: Mapping[tuple[str, str, str], str]
) -> Iterator[str]:
    """A sentence about each column in whose slices not every judged measure was estimated."""
    for column in dict.fromkeys(part.column for part in parts):
        those = [part for part in parts if part.column == column]
        in_how_many = {name: sum((column, part.value, name) in estimates for part in those) for name in judged}
        partly = [name for name, count in in_how_many.items() if 0 < count < len(those)]
        if partly:
            yield (
                f"{column}: {listed(map(in_words, partly))} {'was' if len(partly) == 1 else 'were'} estimated in "
                f"{in_how_many[partly[0]]:,} of {len(those):,} slices, those that differ most from the rest otherwise."
            )


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
    return by_name | count_columns(evidence.segments)


def in_order(parts: Iterable[P]) -> list[P]:
    """Slices column by column in their order of appearance, those of counts and measures from few to many."""
    slices_, counts = list(parts), {name for kind in kinds().values() for name in kind.counted}
    values: dict[str, list[str]] = {}
    for part in slices_:
        values.setdefault(part.column, []).append(part.value)
    place = {column: i for i, column in enumerate(values)}
    measured = {
        column for column, own in values.items() if all(map(MEASURED.fullmatch, own)) and " to " in "".join(own)
    }

    def key(part: P) -> tuple[int, float, tuple[list[tuple[int, str]], str]]:
        low = float(part.value.split(" ")[0]) if part.column in measured else 0.0
        return place[part.column], low, natural(part.value) if part.column in counts else ([], "")

    return sorted(slices_, key=key)


MEASURED = re.compile(r"-?\d+(\.\d+)?( to -?\d+(\.\d+)?)?")
"""How a quarter of a measure is written."""


def natural(text: str) -> tuple[list[tuple[int, str]], str]:
    """A key that sorts "7-16 words" before "17-20 words"."""
    parts = re.split(r"(\d{1,18})", text)
    return [(int(part), "") if i % 2 else (-1, part) for i, part in enumerate(parts)], text
