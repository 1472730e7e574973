"""A table of the page: what it shows, its heads, and its rows as texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trusteq.compare.measures import in_words, sides_of
from trusteq.report.wording import interval, number, p_value, percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.stats.estimate import Estimate, PairedTest


@dataclass(frozen=True)
class Table:
    """What a table shows (``caption``), its heads and rows; the first cell of a row says what the row is about.

    words: the columns that hold words, by position; all others hold figures. links: the fragment that each row's first
    cell leads to; none where there are no links.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[int] = frozenset({0})
    links: Sequence[str] = field(default=())


def difference_rows(measures: Mapping[str, Estimate], stems: Mapping[str, str | None]) -> list[tuple[str, ...]]:
    """Each measure of both models and their difference with its interval, of those there are; by stem, in which words.

    None: in those of the table of measures.
    """
    rows: list[tuple[str, ...]] = []
    for stem, words in stems.items():
        entered = sides_of(stem)
        reference, candidate, apart = (measures.get(one.name) for one in entered)
        if reference is None or candidate is None:
            continue
        last = "" if apart is None else interval(apart)
        rows.append((words or entered[0].words, interval(reference), interval(candidate), last))
    return rows


def share(estimate: Estimate | None) -> str:
    """A share in percent with its interval; a dash where there is none."""
    if estimate is None:
        return "–"
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"


def figure(estimate: Estimate | None) -> str:
    """An estimate with its interval; a dash where there is none."""
    return "–" if estimate is None else interval(estimate)


def every_estimate(measures: Mapping[str, Mapping[str, Estimate]], level: float) -> Table:
    """Every estimate of the whole on one candidate, with its n and its method."""
    rows = [
        (in_words(name), dimension, number(e.value), f"[{number(e.low)}, {number(e.high)}]", f"{e.n:,}", e.method)
        for dimension, group in measures.items()
        for name, e in group.items()
    ]
    heads = ("measure", "dimension", "value", f"interval ({percent(level)})", "n", "how it was computed")
    return Table(f"{len(rows):,} estimates over all items", heads, rows, words=frozenset({0, 1, 5}))


def every_test(tests: Mapping[str, PairedTest]) -> Table:
    """The paired tests, which can show a difference and never equality."""
    rows = [
        (t.method, "–" if t.statistic is None else f"{t.statistic:.4g}", str(t.df or "–"), p_value(t), f"{t.n:,}")
        for t in tests.values()
    ]
    return Table("Tests of the answers", ("test", "statistic", "degrees of freedom", "p", "n"), rows)
