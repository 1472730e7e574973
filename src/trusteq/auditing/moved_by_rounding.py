"""A table's model exported in 32 bits: nearly all answers as before, but some rows cross a tree's threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.models.base import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.data.items import Items
    from trusteq.record.responses import Response

ROUNDING = 1e-5
"""Probabilities that differ by less do so by rounding."""
MOVED = 1e-4
"""Probabilities that differ by more do not."""
NARROW = ("tensor(float)", "tensor(float16)")


def moved_by_rounding(reference: Response, candidate: Response, items: Items) -> Iterator[Finding]:
    """A finding if a graph that reads a table in 32 bits answers as the reference does, except on some rows."""
    inputs = candidate.identity.details.get("inputs")
    if not isinstance(inputs, dict) or not set(inputs.values()) & set(NARROW):
        return
    if not any(segment.named() for segment in items.segments.values()):
        return
    distance = np.abs(candidate.rows.values - reference.rows.values).max(axis=1)
    moved = distance > MOVED
    if np.median(distance) > ROUNDING or not moved.any():
        return
    changed = candidate.rows.values.argmax(axis=1) != reference.rows.values.argmax(axis=1)
    message = (
        f"answers like {reference.name} up to rounding (half of the items by less than {np.median(distance):.0e}), but "
        f"on {np.count_nonzero(moved):,} of {len(items):,} items a probability differs by up to {distance.max():.2g} "
        f"({np.count_nonzero(changed):,} answers change): it reads numbers in 32 bits, and where a value lies next to "
        "the threshold of a tree, rounding puts the item on its other side; export in 64 bits if that matters"
    )
    yield Finding(candidate.name, "moved by rounding", message, float(np.count_nonzero(moved)))
