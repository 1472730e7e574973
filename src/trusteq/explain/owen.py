"""Owen values over a fixed tree of units: what shap's PartitionExplainer computes for text.

The tree halves each segment repeatedly and joins the segments at the root; it depends only on the units. From the top
down, each group's credit is split between its two halves by what each adds with the other absent and with it present,
in all contexts of its ancestors' siblings: O(n^2) values, and exact for the game restricted to the tree. With a
budget, the tree is opened level by level, and a group that was not opened shares its credit equally among its units.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from trusteq.errors import TrusteqError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EVALUATIONS = 500
"""The number of values that shap's explainer uses by default."""


@dataclass(frozen=True)
class OwenPlan:
    """The masks that Owen values need, and the matrix that computes them from the values.

    masks: bool [masks, units], all different; the first keeps all units and the second none.
    weights: [units, masks], so that the Owen values are ``weights @ values``.
    """

    masks: NDArray[np.bool_]
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """A run of units and its two halves."""

    start: int
    end: int
    parts: tuple[Group, Group] | None


def owen_plan(segments: Sequence[int] | NDArray[np.int64], *, evaluations: int | None = None) -> OwenPlan:
    """The plan for units of these segments [units], with at most this many values; by default all."""
    return _owen_plan(tuple(int(s) for s in segments), evaluations)


@lru_cache(maxsize=1024)
def _owen_plan(segments: tuple[int, ...], evaluations: int | None) -> OwenPlan:
    n = len(segments)
    if n < 1:
        raise TrusteqError("there is no unit to attribute to; drop the item, or use other units")
    if evaluations is not None and evaluations < 2:
        raise TrusteqError(f"{evaluations} evaluations are too few for the complete and the empty item; use 2 or more")
    full, empty = (1 << n) - 1, 0
    position = {full: 0, empty: 1}
    shares: list[tuple[Group, int, int, float]] = []
    # (group, mask without it, mask with it, weight of this context)
    level = [(_tree(segments), empty, full, 1.0)]
    while level:
        below = []
        for group, low, high, share in level:
            if group.parts is None:
                shares.append((group, low, high, share))
                continue
            left, right = group.parts
            with_left, with_right = low | _bits(left), low | _bits(right)
            new = len({with_left, with_right} - position.keys())
            if evaluations is not None and len(position) + new > evaluations:
                shares.append((group, low, high, share))
                continue
            for mask in (with_left, with_right):
                position.setdefault(mask, len(position))
            below += [
                (left, low, with_left, share / 2),
                (left, with_right, high, share / 2),
                (right, low, with_right, share / 2),
                (right, with_left, high, share / 2),
            ]
        level = below
    packed = np.frombuffer(b"".join(mask.to_bytes((n + 7) // 8, "little") for mask in position), dtype=np.uint8)
    masks = np.unpackbits(packed.reshape(len(position), -1), axis=1, count=n, bitorder="little").astype(np.bool_)
    matrix = np.zeros((n, len(position)))
    for group, low, high, share in shares:
        part = share / (group.end - group.start)
        matrix[group.start : group.end, position[high]] += part
        matrix[group.start : group.end, position[low]] -= part
    for shared in (masks, matrix):
        shared.flags.writeable = False
    return OwenPlan(masks, matrix)


def _bits(group: Group) -> int:
    return (1 << group.end) - (1 << group.start)


def _tree(segments: tuple[int, ...]) -> Group:
    """The tree over all units: segments joined at the root, each halved down to single units."""
    cuts = [i for i in range(1, len(segments)) if segments[i] != segments[i - 1]]
    return _joined([_halved(start, end) for start, end in zip([0, *cuts], [*cuts, len(segments)], strict=True)])


def _joined(groups: list[Group]) -> Group:
    if len(groups) == 1:
        return groups[0]
    left, right = _joined(groups[: len(groups) // 2]), _joined(groups[len(groups) // 2 :])
    return Group(left.start, right.end, (left, right))


def _halved(start: int, end: int) -> Group:
    if end - start == 1:
        return Group(start, end, None)
    middle = (start + end + 1) // 2
    return Group(start, end, (_halved(start, middle), _halved(middle, end)))


def linkage(segments: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float64]:
    """The tree as scipy's linkage matrix [units - 1, 4], which shap calls a clustering."""
    rows: list[list[float]] = []
    n = len(segments)

    def visit(group: Group) -> tuple[int, int]:
        if group.parts is None:
            return group.start, 1
        (a, size_a), (b, size_b) = (visit(part) for part in group.parts)
        rows.append([a, b, size_a + size_b, size_a + size_b])
        return n + len(rows) - 1, size_a + size_b

    visit(_tree(tuple(int(s) for s in segments)))
    return np.array(rows, dtype=np.float64).reshape(-1, 4)
