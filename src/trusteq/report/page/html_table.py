"""A table of the page: its caption, its headings, and its rows as texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trusteq.comparing.measures import in_words, sides_of
from trusteq.report.wording import about, interval, number, p_value, percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.stats.estimate import Estimate, PairedTest


@dataclass(frozen=True)
class Table:
    """A caption, headings and rows; the first cell of a row is its heading.

    words: the positions of columns with words; all others hold figures. links: the fragment that each row's first cell
    links to; empty where there are no links.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[int] = frozenset({0})
    links: Sequence[str] = field(default=())


def difference_rows(measures: Mapping[str, Estimate], stems: Mapping[str, str | None]) -> list[tuple[str, ...]]:
    """A row for each of these measures that the run has: both models' figures and their difference, with intervals.

    ``stems`` gives each row's title; None stands for the words of the table of measures.
    """
    rows: list[tuple[str, ...]] = []
    for stem, title in stems.items():
        sides = sides_of(stem)
        reference, candidate, difference = (measures.get(side.name) for side in sides)
        if reference is None or candidate is None:
            continue
        change = "" if difference is None else interval(difference)
        rows.append((title or sides[0].words, interval(reference), interval(candidate), change))
    return rows


def share(estimate: Estimate | None) -> str:
    """A share in percent with its interval; a dash where there is none."""
    if estimate is None:
        return "–"
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"


def figure(estimate: Estimate | None) -> str:
    """An estimate with its interval; a dash where there is none."""
    return "–" if estimate is None else interval(estimate)


def every_estimate(measures: Mapping[str, Mapping[str, Estimate]], level: float, unit: str = "word") -> Table:
    """Every estimate of one candidate over all items, with its n and its method."""
    rows = [
        (
            about(in_words(name), unit),
            dimension,
            number(e.value),
            f"[{number(e.low)}, {number(e.high)}]",
            f"{e.n:,}",
            about(e.method, unit),
        )
        for dimension, group in measures.items()
        for name, e in group.items()
    ]
    heads = ("measure", "dimension", "value", f"interval ({percent(level)})", "n", "how it was computed")
    return Table(f"{len(rows):,} estimates over all items", heads, rows, words=frozenset({0, 1, 5}))


def every_test(tests: Mapping[str, PairedTest]) -> Table:
    """The paired tests, which can show a difference but never equality."""
    rows = [
        (t.method, "–" if t.statistic is None else f"{t.statistic:.4g}", str(t.df or "–"), p_value(t), f"{t.n:,}")
        for t in tests.values()
    ]
    return Table("Tests of the answers", ("test", "statistic", "degrees of freedom", "p", "n"), rows)
