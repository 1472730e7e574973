"""Items that belong together: those of one cluster or of equal content, which no split may put on two sides."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.repeats import item_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.data.items import Items


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
