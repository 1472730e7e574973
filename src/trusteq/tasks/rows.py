"""A model's answers to items as rows of numbers: the form in which all answers are passed on and stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """Answers to items: those of an item together, in the order of the items.

    values: numbers [rows, columns]. counts: the number of rows of each item [items]; None if every item has one.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """The number of items answered."""
        return len(self.values) if self.counts is None else len(self.counts)

    @property
    def item(self) -> NDArray[np.int64]:
        """The position of the item that each row answers [rows]."""
        return np.repeat(np.arange(len(self)), 1 if self.counts is None else self.counts)

    def take(self, at: NDArray[np.int64]) -> Rows:
        """The answers to the items at these positions, in this order."""
        if self.counts is None:
            return Rows(self.values[at])
        counts, starts = self.counts[at], (np.cumsum(self.counts) - self.counts)[at]
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        return Rows(self.values[np.repeat(starts, counts) + within], counts)

    def equals(self, other: Rows) -> bool:
        """Whether both are identical to the last bit."""
        return np.array_equal(self.values, other.values, equal_nan=True) and np.array_equal(self.item, other.item)


def joined(parts: Sequence[Rows]) -> Rows:
    """The answers of all parts, one after the other."""
    values = np.concatenate([part.values for part in parts])
    counts = [part.counts for part in parts if part.counts is not None]
    return Rows(values, np.concatenate(counts) if counts else None)


def ragged(answers: Sequence[Any]) -> Rows:
    """Rows of one number from a sequence of numbers for each item."""
    arrays = [np.asarray(answer, dtype=np.float64).reshape(-1, 1) for answer in answers]
    counts = np.array([len(array) for array in arrays], dtype=np.int64)
    return Rows(np.concatenate([np.empty((0, 1)), *arrays]), counts)
