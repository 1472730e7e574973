"""Items that choose the epoch, where none are given for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.errors import DataError

if TYPE_CHECKING:
    from trusteq.data.items import Items

HELD_OUT = 0.1
"""Share of the items that is held out."""


def held_out(items: Items, *, seed: int) -> tuple[Items, Items]:
    """Items to learn from and items to choose the epoch by; those of one cluster stay together."""
    names = sorted(set(items.ids if items.clusters is None else items.clusters))
    if len(names) < 2:
        raise DataError(f"{items.source}: {len(names)} item cannot be split to learn from and to try on; give more")
    chosen = np.random.default_rng(seed).permutation(len(names))[: max(1, round(HELD_OUT * len(names)))]
    held = {names[i] for i in chosen}
    inside = np.array([name in held for name in (items.ids if items.clusters is None else items.clusters)])
    return items.take(np.flatnonzero(~inside)), items.take(np.flatnonzero(inside))
