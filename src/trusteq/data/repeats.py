"""Items that repeat another item: the same texts, or whatever they hold, under another id."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trusteq.data.items import Items


def repeats(items: Items) -> int:
    """How many items repeat an earlier one that is not of their cluster; 0 where equal values may be chance."""
    if not any(segment.copies_repeat for segment in items.segments.values()):
        return 0
    clusters = items.ids if items.clusters is None else items.clusters
    first: dict[bytes, str] = {}
    found = 0
    for row, cluster in zip(zip(*(s.keys() for s in items.segments.values()), strict=True), clusters, strict=True):
        found += first.setdefault(_digest(row), cluster) != cluster
    return found


def _digest(row: tuple[bytes, ...]) -> bytes:
    """A short key of an item's segments."""
    total = hashlib.blake2b(digest_size=16)
    for content in row:
        total.update(len(content).to_bytes(8, "little") + content)
    return total.digest()
