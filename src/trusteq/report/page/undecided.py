"""What more items are likely to show of a candidate's undecided rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.report.outlook_words import HEADS, outlooks, table_rows, what_is_certified
from trusteq.report.page.html_table import Table
from trusteq.report.wording import title

if TYPE_CHECKING:
    from trusteq.verdict import Verdict


@dataclass(frozen=True)
class Undecided:
    """How likely each undecided rule is to end either way, as a table; and the margins that are certified already."""

    chances: Table | None
    certified: list[str]


def undecided(verdict: Verdict) -> Undecided:
    """The part of the page about a candidate's undecided rules."""
    found = list(outlooks(verdict))
    rows = [row for dimension, rule in found for row in table_rows(dimension, rule)]
    caption = "What is undecided, and how more items are likely to end it"
    certified = [f"{title(rule.measure)}: {what_is_certified(rule, dimension)}." for dimension, rule in found]
    return Undecided(Table(caption, HEADS, rows, words=frozenset({0, 1})) if rows else None, certified)
