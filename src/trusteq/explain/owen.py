"""Owen values over a fixed tree of words: what shap's PartitionExplainer computes for text.

The tree halves each segment again and again, and joins the segments at the root; it comes from the words alone. Going
down, each group's credit is split between its two halves by what each adds with the other absent and with it present,
in the contexts that its ancestors' siblings make: O(n^2) values, and exact for the game restricted to the tree. With a
budget the tree is opened level by level, and a group that was not opened shares its credit evenly among its words.
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
"""Values that shap's explainer asks for by default."""


@dataclass(frozen=True)
class OwenPlan:
    """The masks that Owen values need, and the matrix that makes them of the values.

    masks: bool [masks, units], all different, the first keeps all units and the second none.
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
    """The plan for units of these segments [units], of at most this many values; all of them unless said."""
    return _owen_plan(tuple(int(s) for s in segments), evaluations)


@lru_cache(maxsize=1024)
def _owen_plan(segments: tuple[int, ...], evaluations: int | None) -> OwenPlan:
    n = len(segments)
    if n < 1:
        raise TrusteqError("there is no unit to give credit to; drop the item, or cut it with another rule")
    if evaluations is not None and evaluations < 2:
        raise TrusteqError(f"{evaluations} evaluations do not hold the whole item and the empty one; ask for 2 or more")
    every, none = (1 << n) - 1, 0
    place = {every: 0, none: 1}
    shares: list[tuple[Group, int, int, float]] = []
    # (group, mask without it, mask with it, weight of this context)
    level = [(_tree(segments), none, every, 1.0)]
    while level:
        below = []
        for group, low, high, share in level:
            if group.parts is None:
                shares.append((group, low, high, share))
                continue
            left, right = group.parts
            with_left, with_right = low | _bits(left), low | _bits(right)
            new = len({with_left, with_right} - place.keys())
            if evaluations is not None and len(place) + new > evaluations:
                shares.append((group, low, high, share))
                continue
            for mask in (with_left, with_right):
                place.setdefault(mask, len(place))
            below += [
                (left, low, with_left, share / 2),
                (left, with_right, high, share / 2),
                (right, low, with_right, share / 2),
                (right, with_left, high, share / 2),
            ]
        level = below
    written = np.frombuffer(b"".join(mask.to_bytes((n + 7) // 8, "little") for mask in place), dtype=np.uint8)
    masks = np.unpackbits(written.reshape(len(place), -1), axis=1, count=n, bitorder="little").astype(np.bool_)
    matrix = np.zeros((n, len(place)))
    for group, low, high, share in shares:
        part = share / (group.end - group.start)
        matrix[group.start : group.end, place[high]] += part
        matrix[group.start : group.end, place[low]] -= part
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
    """The same tree as scipy's linkage matrix [units - 1, 4], which shap calls a clustering."""
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
