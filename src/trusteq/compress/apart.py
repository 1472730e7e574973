"""Items to learn from and items to audit on, kept apart by what they hold, whatever their ids."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.groups import groups_of
from trusteq.data.repeats import contents, item_keys
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.data.items import Items

SHARE, MOST = 0.2, 5_000
"""How many of the items are set aside: a share of them, but no more than so many."""
NAMED = 3
"""Ids that an error names."""


def set_aside(items: Items, dev: Items | None, *, seed: int, most: int = MOST) -> tuple[Items, Items]:
    """Items to learn from, and items set aside to audit on, none of which is among the others or in ``dev``.

    Clusters stay whole, and so do items of equal content.
    """
    groups = groups_of(items)
    sizes = np.bincount(groups)
    beside = set() if dev is None else set(item_keys(dev))
    learned = set(groups[[content in beside for content in item_keys(items)]].tolist())
    if items.clusters is not None and dev is not None and dev.clusters is not None:
        of_dev = set(dev.clusters)
        learned |= set(groups[[cluster in of_dev for cluster in items.clusters]].tolist())
    room = min(round(SHARE * len(items)), most)
    chosen = []
    for group in np.random.default_rng([seed, 1]).permutation(len(sizes)).tolist():
        if group not in learned and sizes[group] <= room:
            chosen.append(group)
            room -= sizes[group]
    if len(chosen) < 2:
        raise DataError(
            f"{items.source}: too few items ({len(items):,}) to set some of them aside for the audit; give more, "
            "name others with --test, or skip the audit with --no-audit"
        )
    at = np.isin(groups, chosen)
    return items.take(np.flatnonzero(~at)), items.take(np.flatnonzero(at))


def seen(test: Items, items: Items, dev: Items | None) -> str | None:
    """That some of these items are also among those to learn from; an error where that cannot be chance."""
    kinds = [[segment.kind for segment in of.segments.values()] for of in (items, test)]
    if kinds[0] != kinds[1]:
        held = (" and ".join(of) or "nothing" for of in kinds)
        raise DataError(
            f"{items.source} holds {next(held)} to read, and {test.source} {next(held)}; name the same columns of both"
        )
    known = {*item_keys(items), *(() if dev is None else item_keys(dev))}
    at = [i for i, content in enumerate(item_keys(test)) if content in known]
    if not at:
        return None
    some = "1 item is" if len(at) == 1 else f"{len(at):,} of {len(test):,} items are"
    found = f"{test.source}: {some} also among the items to learn from, by content (ids may differ)"
    if contents(test) is not None:
        them = "it" if len(at) == 1 else "them"
        raise DataError(
            f"{found}: {', '.join(_named(test, at))}; remove {them} from one of the two, or leave out --test to set a "
            "part of --data aside"
        )
    return f"{found}, which may be chance in a table"


def _named(items: Items, at: list[int]) -> Iterator[str]:
    yield from (repr(items.ids[i]) for i in islice(at, NAMED))
    if len(at) > NAMED:
        yield "..."
