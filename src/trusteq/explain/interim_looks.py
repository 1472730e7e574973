"""How many of the items are explained before one looks whether they decide: a few, and each time half as many more."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from trusteq.stats.confidence_sequence import FIRST_LOOK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.data.items import Items
    from trusteq.explain.explanation import ExplainSettings

GROWTH = 1.5
"""How many times more items each look has seen than the one before."""


def looks(order: Sequence[int], items: Items, settings: ExplainSettings, fewest: int) -> list[list[int]]:
    """The items explained at each look, sorted, of those in a random ``order``: all where nothing stops it early."""
    parts = stretches(order, items, fewest) if settings.until == "decided" else [list(order)]
    return list(accumulate(map(sorted, parts)))


def stretches(order: Sequence[int], items: Items, fewest: int) -> list[list[int]]:
    """Items between looks, the first of them after `FIRST_LOOK` items (or clusters) or ``fewest``, if these are more.

    A cluster is never cut.
    """
    first = max(FIRST_LOOK, fewest)
    parts: list[list[int]] = [[]]
    seen: set[str] = set()
    wanted = float(first)
    for i in order:
        own = items.ids[i] if items.clusters is None else items.clusters[i]
        if own not in seen and len(seen) >= wanted:
            parts.append([])
            wanted *= GROWTH
        seen.add(own)
        parts[-1].append(i)
    # A last stretch of few items cannot be explained by itself.
    if len(parts) > 1 and len(parts[-1]) < first // 2:
        parts[-2:] = [parts[-2] + parts[-1]]
    return parts
