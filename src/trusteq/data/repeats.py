"""Items that repeat another item: the same texts under another id."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from trusteq.data.items import Items


def repeats(items: Items) -> int:
    """How many items repeat the texts of an earlier one that is not of their cluster; 0 where there are no texts."""
    if not any(not isinstance(values, np.ndarray) for values in items.segments.values()):
        return 0
    clusters = items.ids if items.clusters is None else items.clusters
    first: dict[bytes, str] = {}
    found = 0
    for row, cluster in zip(zip(*items.segments.values(), strict=True), clusters, strict=True):
        found += first.setdefault(_digest(row), cluster) != cluster
    return found


def _digest(row: tuple[Any, ...]) -> bytes:
    """A short key of an item's segments; spaces around a text do not make it another one."""
    total = hashlib.blake2b(digest_size=16)
    for part in row:
        content = part.strip().encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes()
        total.update(len(content).to_bytes(8, "little") + content)
    return total.digest()
