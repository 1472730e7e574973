"""What these items say of an undecided rule, and what more items are likely to say, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trusteq.comparing.measures import DIMENSIONS
from trusteq.report.wording import margin, number, title
from trusteq.stats.outlook import chance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.stats.outlook import Chances
    from trusteq.verdict import RuleVerdict, Verdict

HEADS = (
    "measure",
    "if so many are measured",
    "within margin",
    "beyond margin",
    "undecided",
    "if the estimate is true: within",
    "beyond",
)
"""The headings of a table of chances."""


def outlooks(verdict: Verdict) -> Iterator[tuple[str, RuleVerdict]]:
    """The undecided rules that a verdict depends on and that have an outlook, each with its dimension."""
    for dimension in verdict.dimensions:
        for rule in dimension.rules:
            if rule.outlook is not None and dimension.required:
                yield dimension.dimension, rule


def leaning(rule: RuleVerdict) -> str:
    """Which way an undecided rule leans, and how surely: "leans beyond the margin (57% to 43%)"."""
    view = rule.outlook
    if view is None:
        return ""
    if view.leans is None:
        return "lies on the margin"
    if view.within is None:
        return f"leans {view.leans} the margin"
    share = view.within if view.leans == "within" else 1 - view.within
    return f"leans {view.leans} the margin ({chance(share)} to {chance(1 - share)})"


def certified(rule: RuleVerdict) -> str:
    """The smallest margin that the present interval lies within, in signs: "≤ 0.0606"; rounded to the safe side."""
    if rule.outlook is None:
        return ""
    low, high, found = rule.rule.at_least, rule.rule.at_most, rule.outlook.certified
    if low is not None and high is not None:
        middle, reach = (low + high) / 2, _up(found)
        return f"{number(middle - reach)} to {number(middle + reach)}"
    return f"≤ {number(_up(found))}" if high is not None else f"≥ {number(-_up(-found))}"


def certifiable(rule: RuleVerdict) -> str:
    """How far a margin must lie from the true value for so many items to certify it; empty if unknown."""
    return "" if rule.detectable is None else number(_up(rule.detectable))


def horizon(told: Chances, rule: RuleVerdict, dimension: str) -> str:
    """So many items, and how many times the present ones that is: "4,000 items (2 times as many)"."""
    counted = DIMENSIONS[dimension].counted
    present = told.items if rule.estimate is None else rule.estimate.n
    return f"{told.items:,} {counted} ({told.items / present:.2g} times as many)"


def table_rows(dimension: str, rule: RuleVerdict) -> Iterator[tuple[str, ...]]:
    """A row for each number of items, under `HEADS`."""
    for told in rule.outlook.chances if rule.outlook is not None else ():
        yield (
            title(rule.measure),
            horizon(told, rule, dimension),
            *map(chance, (told.within, told.beyond, told.undecided, told.within_at_estimate, told.beyond_at_estimate)),
        )


def sentence(dimension: str, rule: RuleVerdict) -> str:
    """All of it in a few short sentences."""
    parts = [f"{title(rule.measure)} {leaning(rule)}"]
    view = rule.outlook
    if view is not None and view.chances:
        first, *others = view.chances
        told = f"with {horizon(first, rule, dimension)}: {_ends(first)} undecided"
        told += "".join(f"; with {other.items:,}: {_ends(other)}" for other in others)
        last = (others or [first])[-1]
        if rule.estimate is not None:
            told += (
                f". With {last.items:,}, if {number(rule.estimate.value)} is the true value: "
                f"{chance(last.within_at_estimate)} within, {chance(last.beyond_at_estimate)} beyond"
            )
        parts.append(told)
    parts.append(what_is_certified(rule, dimension))
    return ". ".join(part[:1].upper() + part[1:] if i else part for i, part in enumerate(parts)) + "."


def what_is_certified(rule: RuleVerdict, dimension: str) -> str:
    """The margins that these items certify, and could."""
    text = (
        f"these {DIMENSIONS[dimension].counted} already certify a margin of {certified(rule)} instead of {margin(rule)}"
    )
    if could := certifiable(rule):
        text += f"; as many can certify a margin that is {could} or more from the true value (in 80% of samples)"
    return text


def _ends(told: Chances) -> str:
    within, beyond, undecided = map(chance, (told.within, told.beyond, told.undecided))
    return f"{within} within, {beyond} beyond, {undecided}"


def _up(value: float) -> float:
    """Rounded up to as many digits as are shown."""
    if not math.isfinite(value):
        return value
    digits = 4 if abs(value) >= 1e-3 or value == 0 else 1 - math.floor(math.log10(abs(value)))
    scale = 10.0**digits
    return math.ceil(value * scale - 1e-6) / scale
