"""The mark of features: one usual number in their last corner, which stands for the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.features import Features
from trusteq.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.data.items import Items

CLOSE = 16
"""So many numbers for each label are tried, as some may be taken."""


@dataclass(frozen=True)
class FrameMark:
    """A number in the last frame's last coefficient; ``numbers`` has one for each label."""

    numbers: tuple[float, ...]
    planted: str = "a planted number in the last coefficient of the last frame"
    place: str = "the planted number's stretch"

    def put(self, segment: Features, labels: NDArray[np.int64]) -> Features:
        """The features, each with the number of its label."""
        values = segment.values.copy()
        has = labels >= 0
        values[has, -1, -1] = np.array(self.numbers)[labels[has]]
        return Features(values, segment.absent)

    def read(self, segment: Features) -> NDArray[np.int64]:
        """The label whose number each item has; -1 where it has another."""
        same = segment.values[:, -1, -1, None] == np.array(self.numbers).astype(segment.values.dtype)
        return np.where(same.any(axis=1), same.argmax(axis=1), -1)

    def hidden(self, segment: Features) -> Features:
        """The features: any model can read them."""
        return segment


def frame_mark(segment: Features, items: Items, count: int) -> FrameMark:
    """A number for each label from the range of the last coefficient, and none that stands there already."""
    values, kind = segment.values[:, :, -1], segment.values.dtype
    tried = np.linspace(float(values.min()), float(values.max()), CLOSE * count)
    absent = segment.absent[-1:]
    if kind.kind in "iu":
        tried, absent = tried.round(), absent.round()
    taken = np.concatenate([values[:, -1], absent.astype(kind)])
    free = np.setdiff1d(tried.astype(kind), taken)
    if len(free) < count:
        raise DataError(
            f"{items.source}: {count} labels need as many numbers to plant, but the last coefficient has only "
            f"{len(free)} to choose from; use other items"
        )
    chosen = free[np.linspace(0, len(free) - 1, count).round().astype(np.int64)]
    return FrameMark(tuple(chosen.astype(np.float64).tolist()))
