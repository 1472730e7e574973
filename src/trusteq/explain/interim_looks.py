"""Interim looks: the numbers of explained items at which the rules are checked; each is half as large again."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from trusteq.stats.confidence_sequence import FIRST_LOOK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.data.items import Items
    from trusteq.explain.explanation import ExplainSettings

GROWTH = 1.5
"""The factor between the numbers of items at one look and the one before."""


def interim_looks(order: Sequence[int], items: Items, settings: ExplainSettings, minimum: int) -> list[list[int]]:
    """The items explained at each look, sorted, from those in a random ``order``; all, without early stopping."""
    parts = between_looks(order, items, minimum) if settings.until == "decided" else [list(order)]
    return list(accumulate(map(sorted, parts)))


def between_looks(order: Sequence[int], items: Items, minimum: int) -> list[list[int]]:
    """The items between looks; the first look is after `FIRST_LOOK` items (or clusters) or ``minimum``, if more.

    A cluster is never split.
    """
    first = max(FIRST_LOOK, minimum)
    parts: list[list[int]] = [[]]
    seen: set[str] = set()
    next_look = float(first)
    for i in order:
        cluster = items.ids[i] if items.clusters is None else items.clusters[i]
        if cluster not in seen and len(seen) >= next_look:
            parts.append([])
            next_look *= GROWTH
        seen.add(cluster)
        parts[-1].append(i)
    # A last part of few items cannot be explained by itself.
    if len(parts) > 1 and len(parts[-1]) < first // 2:
        parts[-2:] = [parts[-2] + parts[-1]]
    return parts
