"""Items that repeat another item: equal segments under another id."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.data.items import Items


def repeats(items: Items, same: Sequence[bytes] | None) -> int:
    """The number of items that repeat an earlier one of another cluster; 0 if equal values may be chance.

    ``same`` are the items' `contents`.
    """
    if same is None:
        return 0
    clusters = items.ids if items.clusters is None else items.clusters
    first: dict[bytes, str] = {}
    repeated = 0
    for content, cluster in zip(same, clusters, strict=True):
        repeated += first.setdefault(content, cluster) != cluster
    return repeated


def copies_of_one(items: Items, same: Sequence[bytes] | None) -> float:
    """How many items it takes to be worth an independent one, as some are equal; 1 if equal values may be chance.

    It is the sum of squared numbers of equal items over the number of items (Kish 1965); those of a cluster count once.
    ``same`` are the items' `contents`.
    """
    if same is None:
        return 1.0
    clusters = items.ids if items.clusters is None else items.clusters
    counts = Counter(content for content, _ in dict.fromkeys(zip(same, clusters, strict=True))).values()
    return sum(count**2 for count in counts) / sum(counts)


def contents(items: Items) -> list[bytes] | None:
    """A short key of each item, equal for items that are equal; None if equal values may be chance."""
    return item_keys(items) if any(segment.copies_repeat for segment in items.segments.values()) else None


def item_keys(items: Items) -> list[bytes]:
    """A short key of each item, equal for items that are equal, which in a table may be chance."""
    return [_digest(row) for row in zip(*(segment.keys() for segment in items.segments.values()), strict=True)]


def _digest(row: tuple[bytes, ...]) -> bytes:
    """A short key of an item's segments."""
    digest = hashlib.blake2b(digest_size=16)
    for content in row:
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.digest()
