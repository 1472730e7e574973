"""Items to learn from and items to audit on, kept apart by what they hold, whatever their ids."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.repeats import contents, item_keys
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

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


def together(items: Items) -> Items:
    """The items, those of equal content in one cluster, so that no split puts them on two sides."""
    names = items.ids if items.clusters is None else items.clusters
    groups = groups_of(items)
    if len(set(names)) == groups.max() + 1:
        return items
    first: dict[int, str] = {}
    for group, name in zip(groups.tolist(), names, strict=True):
        first[group] = min(name, first.get(group, name))
    return replace(items, clusters=[first[group] for group in groups.tolist()])


def groups_of(items: Items) -> NDArray[np.int64]:
    """A number for each item [items], the same for all that share a cluster or a content, directly or over others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not items.segments:
        items.texts()  # says which option names them
    names = items.ids if items.clusters is None else items.clusters
    place = {name: number for number, name in enumerate(sorted(set(names)))}
    at = np.array([place[name] for name in names])
    held: dict[bytes, int] = {}
    nodes = [len(place) + held.setdefault(content, len(held)) for content in item_keys(items)]
    size = len(place) + len(held)
    graph = coo_array((np.ones(len(at), dtype=np.int8), (at, nodes)), shape=(size, size))
    groups: NDArray[np.int64] = connected_components(graph, directed=False)[1][at].astype(np.int64)
    return groups


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
