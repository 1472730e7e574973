"""Which items are explained: drawn at random, the more often the further a candidate's prediction has moved.

All predictions are known before anything is explained, and attributions differ most where predictions do. Each item's
chance is known, so every estimate weights it by the inverse of its chance and stays unbiased (Horvitz and Thompson
1952); a floor that all items share limits these weights, for attributions may differ where no prediction does. Items of
one cluster are drawn separately, so that a sample comes from as many clusters as it can.

Items are drawn by Pareto sampling (Rosén 1997) with permanent random numbers: an item's number depends on its id and
the seed alone, so another candidate changes nothing about the items drawn for the first, and the two samples have as
many items in common as their chances allow. With equal chances, it is a simple random sample.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items

EVENLY = 0.75
"""The share of the items that is drawn with equal chances. Where movement says nothing of how attributions differ, the
variance grows by a third at most; where a trigger moves 5 % of the items, it falls to a quarter (docs/performance.md).
"""


@dataclass(frozen=True)
class Draw:
    """One candidate's sample of the explained items: their positions among these, and how many items each stands for.

    weights is None if all have equal chances.
    """

    at: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None


def chances(moved: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The chance of each item [items] to be among ``count`` drawn, from how far its prediction has moved [items]."""
    n = len(moved)
    if count >= n:
        return np.ones(n)
    mean = float(moved.mean())
    size = EVENLY + (1 - EVENLY) * moved / mean if mean > 0 else np.ones(n)
    chance = count * size / size.sum()
    while (over := chance > 1).any():  # certain items leave the others a smaller number to be drawn
        certain = over | (chance == 1)
        rest = count - np.count_nonzero(certain)
        chance = np.where(certain, 1.0, rest * size / size[~certain].sum())
    return np.asarray(chance)


def in_order(items: Items, chance: NDArray[np.float64], *, seed: int) -> list[int]:
    """The positions of all items as they are drawn; the order depends only on chances, ids and seed."""
    return [int(i) for i in np.argsort(ranks(random_numbers(items.ids, seed=seed), chance), kind="stable")]


def by_cluster(items: Items, *, seed: int) -> list[int]:
    """The positions of all items, one cluster after another; the order of clusters depends only on names and seed."""
    if items.clusters is None:
        return in_order(items, np.ones(len(items)), seed=seed)
    number, ids = random_numbers(items.clusters, seed=seed), items.ids
    return sorted(range(len(ids)), key=lambda i: (number[i], ids[i]))


def ranks(number: NDArray[np.float64], chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lower, the earlier an item is drawn [items], from a random number from 0 to 1 and its chance."""
    if (chance == chance[0]).all():
        return number
    return np.asarray(number / (1 - number) * ((1 - chance) / chance))


def drawn(
    positions: NDArray[np.int64], items: Items, moved: NDArray[np.float64] | None, count: int | None, *, seed: int
) -> Draw:
    """The sample of one candidate among the items explained at these positions, of which it is a part.

    ``moved`` is None if all items were drawn with equal chances; so they are if all are explained.
    """
    every = Draw(np.arange(len(positions)))
    if moved is None or count is None or len(moved) != len(items):
        return every
    chance = chances(moved, count)
    if (chance == chance[0]).all() and count >= len(positions):
        return every
    place = {position: i for i, position in enumerate(positions.tolist())}
    order = [place[i] for i in in_order(items, chance, seed=seed) if i in place][:count]
    at = np.array(sorted(order), dtype=np.int64)
    weights = 1 / chance[positions[at]]
    return Draw(at, None if (weights == weights[0]).all() else weights)


def drawn_for_any(
    positions: NDArray[np.int64], moved: Sequence[NDArray[np.float64]], count: int | None
) -> NDArray[np.float64] | None:
    """How many items each explained one stands for, as part of the samples of all candidates together; None if equal.

    An item's number is the same for every candidate, so its chance to be in any of the samples is the largest of them.
    """
    if count is None or not moved:
        return None
    weights = 1 / np.max([chances(one, count) for one in moved], axis=0)[positions]
    return None if (weights == weights[0]).all() else np.asarray(weights)


def random_numbers(names: Sequence[str], *, seed: int) -> NDArray[np.float64]:
    """A random number from 0 to 1 for each name, the same whatever the order of the names."""
    keys = b"".join(key[:8] for key in random_keys(names, seed=seed))
    return (np.frombuffer(keys, dtype=">u8") >> np.uint64(11)).astype(np.float64) * 2.0**-53


def random_keys(names: Sequence[str], *, seed: int) -> list[bytes]:
    """A random key for each name: sorting by it gives the same random order, whatever the order of the names."""
    return [hashlib.sha256(f"{seed}\x00explain\x00{name}".encode()).digest() for name in names]
