"""A share of the items held out to choose the best epoch, where no separate dev items are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.groups import together
from trusteq.data.repeats import item_keys
from trusteq.errors import DataError

if TYPE_CHECKING:
    from trusteq.data.items import Items

HELD_OUT = 0.1
"""Share of the items to hold out."""


def learned_too(items: Items, dev: Items | None) -> str | None:
    """How many of the items to choose by are among those to learn from, by content, in words; None if none is."""
    known = set(item_keys(items))
    shared = 0 if dev is None else sum(content in known for content in item_keys(dev))
    if dev is None or not shared:
        return None
    some = "1 item" if shared == 1 else f"{shared:,} items"
    return f"{some} of the {len(dev):,} to choose by ({dev.source}) are also among those to learn from, by content"


def held_out(items: Items, *, seed: int) -> tuple[Items, Items]:
    """Items to train on, and items to choose the best epoch on; those of one cluster or equal content stay together."""
    clusters = together(items).clusters
    of_item = items.ids if clusters is None else clusters
    names = sorted(set(of_item))
    if len(names) < 2:
        what = "item" if items.clusters is None else "cluster"
        what = what if clusters == items.clusters else f"different {what}"
        raise DataError(f"{items.source}: {len(names)} {what} cannot be split to train on and to choose by; give more")
    positions = np.random.default_rng(seed).permutation(len(names))[: max(1, round(HELD_OUT * len(names)))]
    chosen = {names[i] for i in positions}
    mask = np.array([name in chosen for name in of_item])
    return items.take(np.flatnonzero(~mask)), items.take(np.flatnonzero(mask))
