"""The three parts of the data: items to learn from, to develop on, and untouched ones that confirm the choice.

No item is in two parts, by its content. What belongs together stays together: items of one cluster, and items that are
equal, even of several clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.repeats import contents, item_keys
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from trusteq.data.items import Items

LEARN_SHARE = 0.25
"""Share of the items to learn from, where no others are given for that."""

UNTOUCHED_SHARE = 0.5
"""Share of the others that confirm the choice, where no others are given for that."""


CHANCE = 0.1
"""Share of a table's rows that may equal rows of another part; more are no chance."""


@dataclass(frozen=True)
class Parts:
    """Items for each purpose. train: None if nothing learns.

    how: for each part, in words, whether it was given or split off.
    """

    train: Items | None
    development: Items
    untouched: Items
    how: dict[str, str]

    def named(self) -> Iterator[tuple[str, Items]]:
        """Each part that there is, with its name."""
        if self.train is not None:
            yield "train", self.train
        yield "development", self.development
        yield "untouched", self.untouched


def parts(data: Items, *, train: Items | None, test: Items | None, learns: bool, seed: int) -> Parts:
    """The parts: those given, the others split off from ``data`` by cluster; an error if two share an item.

    learns: whether anything that is tried needs items to learn from.
    """
    how = {"train": "given", "development": "given", "untouched": "given"}
    if train is None and learns:
        data, train = _split(data, LEARN_SHARE, seed)
        how["train"] = f"{LEARN_SHARE:.0%} of --data, split off by {_by(data)} with seed {seed}"
        how["development"] = "what is left of --data"
    if test is None:
        data, test = _split(data, UNTOUCHED_SHARE, seed + 1)
        rest = " of the rest" if how["development"] != "given" else ""
        how["untouched"] = f"{UNTOUCHED_SHARE:.0%}{rest} of --data, split off by {_by(data)} with seed {seed + 1}"
        how["development"] = "what is left of --data"
    found = Parts(train, data, test, how)
    _refuse_shared(found)
    return found


def described(found: Parts) -> dict[str, dict[str, Any]]:
    """For each part how many items it has, the hash of their content, where they are from and how it was made."""
    return {
        name: {"n": len(items), "content": items.content(), "source": items.source, "how": found.how[name]}
        for name, items in found.named()
    }


def _by(items: Items) -> str:
    return "item" if items.clusters is None else "cluster"


def _split(items: Items, share: float, seed: int) -> tuple[Items, Items]:
    """The items without a share of them, and this share; whole groups, drawn at random."""
    group = _groups(items)
    count = int(group.max()) + 1
    sizes = np.bincount(group)
    order = np.random.default_rng(seed).permutation(count)
    taken = np.cumsum(sizes[order]) - sizes[order] / 2 <= share * len(items)
    chosen = np.isin(group, order[taken])
    if chosen.all() or not chosen.any():
        raise DataError(
            f"{items.source}: {count} {'group' if count == 1 else 'groups'} of items that belong together cannot be "
            "split; give more items, or name items of your own with --train and --test"
        )
    return items.take(np.flatnonzero(~chosen)), items.take(np.flatnonzero(chosen))


def _groups(items: Items) -> NDArray[np.int64]:
    """The group of each item [items], numbered in the order of the groups' names, whatever the order of the items.

    Two items are in one group if they are of one cluster, or equal, or if others link them.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    clusters = [*(items.ids if items.clusters is None else items.clusters)]
    names, cluster = np.unique(np.array(clusters, dtype=object), return_inverse=True)
    equal = len(names) + np.unique([content.hex() for content in item_keys(items)], return_inverse=True)[1]
    nodes = int(equal.max()) + 1
    links = coo_matrix((np.ones(len(cluster)), (cluster, equal)), shape=(nodes, nodes))
    # Components are numbered by their first node, and clusters come before contents.
    _, component = connected_components(links, directed=False)
    return np.asarray(component[cluster], dtype=np.int64)


def _refuse_shared(found: Parts) -> None:
    """An error if an item is in two parts: the choice would be confirmed on items that helped to make it."""
    seen: dict[bytes, tuple[str, str]] = {}
    for name, items in found.named():
        same = item_keys(items)
        shared = [(id_, seen[content]) for id_, content in zip(items.ids, same, strict=True) if content in seen]
        # A few equal rows of a table may be chance.
        if shared and (contents(items) is not None or len(shared) > CHANCE * len(items)):
            id_, (other, there) = shared[0]
            raise DataError(
                f"{items.source}: {len(shared):,} of {len(items):,} {name} items are also among the {other} items, "
                f"e.g. item {id_!r} (there {there!r}); drop them from one of the two"
            )
        seen |= {content: (name, id_) for content, id_ in zip(same, items.ids, strict=True)}
