"""How far an audit's items are independent: some repeat others, and some that are explained share a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.data.repeats import copies_of_one

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trusteq.data.items import Items

FEW = 1.05
"""So few copies that intervals are too narrow by 3 % at most."""


@dataclass(frozen=True)
class Independence:
    """What a verdict must know of it: see `judge`. The defaults are those of independent items, none of them explained.

    copies, explained_copies: how many items, and explained items, it takes to be worth an independent one; 1 if hardly
    any repeat others. explained_clusters: how many clusters the explained items are in; None without either.
    """

    copies: float = 1.0
    explained_copies: float = 1.0
    explained_clusters: int | None = None


def copies(items: Items, same: Sequence[bytes] | None, repeated: float) -> float:
    """How many items it takes to be worth an independent one, by their `contents`.

    Where these may be equal by chance, by how many ``repeated`` the rows of others beyond it.
    """
    if same is not None:
        return _many(copies_of_one(items, same))
    return _many(len(items) / max(1, len(items) - repeated))


def independence(
    items: Items, same: Sequence[bytes] | None, copies: float, explained: Iterable[NDArray[np.int64]]
) -> Independence:
    """That of the items, and of those ``explained`` at these positions, in one way or in several."""
    parts = [part.tolist() for part in explained if len(part)]
    many = 1.0
    if same is not None:
        many = max((_many(copies_of_one(items.take(part), [same[i] for i in part])) for part in parts), default=1.0)
    clusters = items.clusters
    in_clusters = None
    if clusters is not None:
        in_clusters = min((len({clusters[i] for i in part}) for part in parts), default=None)
    return Independence(copies, many, in_clusters)


def _many(copies: float) -> float:
    return copies if copies > FEW else 1.0
