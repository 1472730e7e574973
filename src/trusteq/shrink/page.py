"""The page of a search: one HTML file that needs nothing else, not even scripts."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import trusteq
from trusteq.report.figures.inline import inline_svg
from trusteq.report.page.assets import assets
from trusteq.report.page.html_table import Table
from trusteq.report.page.page import environment
from trusteq.report.page.sentence import Name
from trusteq.report.wording import interval, margin, percent, rule_words, title
from trusteq.shrink.figure import FrontierDisplay
from trusteq.shrink.words import audited, decisive, figures, next_steps, others, outcomes
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from trusteq.report.page.sentence import Sentence
    from trusteq.shrink.record import Confirmation, Entry, Search


def page(search: Search) -> str:
    """The page; the same bytes for the same search."""
    tried = audited(search)
    numbers = {entry.name: number for number, entry in enumerate(tried, 1)}
    display = FrontierDisplay.from_search(search, numbers)
    text = resources.files("trusteq.shrink").joinpath("page.html").read_text("utf-8")
    return (
        environment()
        .from_string(text)
        .render(
            assets=assets(),
            answer=_answer(search),
            search=search,
            version=trusteq.__version__,
            level=percent(search.policy.level),
            outcome=None if search.confirmation is None else search.confirmation.judged.verdict.outcome,
            drawing=None if display is None else inline_svg(display, label="Size and distance of every candidate"),
            dimensions=search.policy.required,
            candidates=[_row(search, entry, numbers[entry.name]) for entry in tried],
            confirmed=None if search.confirmation is None else _confirmed(search, search.confirmation),
            others=_others(search),
            items=_items(search),
            steps=next_steps(search),
        )
    )


def _answer(search: Search) -> Sentence:
    """The result as the page's headline."""
    large = Name(search.reference)
    if search.confirmation is not None:
        confirmation = search.confirmation
        small, words = Name(confirmation.name), confirmation.price.words()
        ending = f": {words}." if words else "."
        outcome = confirmation.judged.verdict.outcome
        if outcome is Outcome.EQUIVALENT:
            return (small, " may replace ", large, ending)
        if outcome is Outcome.NOT_EQUIVALENT:
            return (small, " passed on development items, but may not replace ", large, ": it fails on untouched ones.")
        return ("It is undecided whether ", small, " may replace ", large, ending)
    if search.chosen is not None:
        words = search.chosen.price.words()
        return ("So far, ", Name(search.chosen.name), f" ({words}) passes on development items; nothing is confirmed.")
    return ("No candidate was found that may replace ", large, ".")


def _row(search: Search, entry: Entry, number: int) -> dict[str, object]:
    """A candidate in the table of all."""
    size, speed = figures(entry)
    return {
        "number": number,
        "name": entry.name,
        "chosen": search.chosen is not None and search.chosen.name == entry.name,
        "size": size,
        "speed": speed,
        "outcomes": outcomes(entry, search.policy.required),
        "why": decisive(entry, search),
    }


def _confirmed(search: Search, confirmation: Confirmation) -> Table:
    """Every rule of the choice, on the items that chose it and on the untouched ones."""
    chosen = search.chosen
    developed = {} if chosen is None or chosen.judged is None else chosen.judged.flat
    rows = []
    for part in confirmation.judged.verdict.dimensions:
        for rule in part.rules if part.required else ():
            before = developed.get(rule.measure)
            rows.append(
                (
                    title(rule.measure),
                    "–" if before is None else interval(before),
                    "–" if rule.estimate is None else interval(rule.estimate),
                    "–" if rule.estimate is None else f"{rule.estimate.n:,}",
                    margin(rule),
                    rule_words(rule),
                )
            )
    heads = ("measure", "development items", "untouched items", "n", "margin", "on untouched items")
    return Table(f"{confirmation.name}, rule by rule", heads, rows, words=frozenset({0, 4, 5}))


def _others(search: Search) -> Table | None:
    """The rungs without an audit, and why."""
    rows = [(entry.name, entry.fate, entry.reason) for entry in others(search)]
    return Table("Rungs without an audit", ("rung", "", "why"), rows, words=frozenset({0, 1, 2})) if rows else None


def _items(search: Search) -> Table:
    """Each part of the items."""
    rows = [
        (name, f"{part['n']:,}", part["how"], part["source"], part["content"]) for name, part in search.parts.items()
    ]
    heads = ("part", "items", "how", "from", "SHA-256")
    title = "No item is in two parts, by its content, but for rows of a table that are equal by chance"
    return Table(title, heads, rows, words=frozenset({0, 2, 3, 4}))
