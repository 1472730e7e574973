"""One model's answers to the items, and the sums over them that many measures share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from trusteq.stats.estimate import all_holding
from trusteq.stats.resampling import Sums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from trusteq.stats.estimate import Estimate
    from trusteq.stats.resampling import Resampling

Made = TypeVar("Made")

PROBABILITY_FLOOR = 1e-12
"""Probabilities below it count as it wherever a logarithm is taken, so that one zero does not make a mean infinite."""

WIDE_EDGES = np.arange(11) / 10
"""The paper's ten equal-width bins: [a, b), the last one closed."""

FINE_EDGES = np.concatenate([np.arange(199) / 200, 1 - 0.01 * 2.0 ** -np.arange(0.25, 20.25, 0.25)])
"""A fixed fine grid of confidence, finer towards 1 where sharp models crowd; it nests in the ten bins."""
FINE_CELLS = len(FINE_EDGES)

AT_A_TIME = 2**15
"""Numbers of an array that are worked on at once by `by_parts`."""

FEW_COLUMNS = 5
"""Up to here work goes faster column by column than along rows. Rows of more than 7 numpy adds up pairwise."""


def bin_of(x: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each value [items] among ``edges`` [bins + 1]: [a, b), the last one closed; no value is lost."""
    return np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)


def wide_bin(x: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each value [items] among `WIDE_EDGES`, as `bin_of` finds it but without a search."""
    bins = len(WIDE_EDGES) - 1
    at = np.minimum((x * bins).astype(np.int64), bins - 1)
    # Multiplying rounds: a value just below an edge may come out on it, none on an edge comes out below it.
    at -= x < WIDE_EDGES[at]
    return at


def largest_column(p: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The column of each row's largest value [rows], the first of equals, and that value [rows]."""
    columns = p.shape[1]
    if columns > FEW_COLUMNS:
        at = np.asarray(p.argmax(axis=1))
        return at, np.asarray(np.take_along_axis(p, at[:, None], axis=1)[:, 0])
    # Down a few columns rather than along a million short rows: less than half the time.
    best, where = p[:, 0].copy(), np.zeros(len(p), dtype=np.int8)
    for k in range(1, columns):
        np.maximum(where, (p[:, k] > best) * np.int8(k), out=where)
        np.maximum(best, p[:, k], out=best)
    return where.astype(np.int64), best


def levels(confidence: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """The different confidences [levels], rising, and which of them each item has [items]."""
    order = np.argsort(confidence)
    rising = confidence[order]
    first = np.append(True, rising[1:] != rising[:-1])
    level = np.empty(len(order), dtype=np.int32)
    level[order] = np.cumsum(first, dtype=np.int32) - 1
    return rising[first], level


def largest(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row's largest value [rows]."""
    if p.shape[1] > FEW_COLUMNS:
        return np.asarray(p.max(axis=1))
    best = p[:, 0].copy()
    for k in range(1, p.shape[1]):
        np.maximum(best, p[:, k], out=best)
    return best


def parts(rows: int, columns: int) -> Iterator[slice]:
    """All rows, so few at a time that what is computed from them stays in the processor's cache and takes no memory.

    Never one row by itself: numpy adds up one row of an array that is stored column by column in another order than
    many.
    """
    size = max(2, AT_A_TIME // columns)
    for start in range(0, max(rows - 1, 1), size):
        yield slice(start, start + size if start + size < rows - 1 else rows)


def by_parts(of: Callable[..., NDArray[np.float64]], *arrays: NDArray[Any]) -> NDArray[np.float64]:
    """What ``of`` finds for each row [rows] of its arrays [rows, ...], the first of which has columns."""
    rows, columns = arrays[0].shape
    found = np.empty(rows)
    for part in parts(rows, columns):
        found[part] = of(*(array[part] for array in arrays))
    return found


def row_sums(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row's sum [rows], to the last bit the one that numpy finds along the row."""
    columns = x.shape[1]
    if columns > FEW_COLUMNS:
        return np.asarray(x.sum(axis=1))
    sums = x[:, 0].copy()
    for k in range(1, columns):
        sums += x[:, k]
    return sums


def taken(p: NDArray[np.float64], which: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The rows that a mask chooses; stored column by column where columns are few, as they are then worked on."""
    columns = p.shape[1]
    if columns > FEW_COLUMNS:
        return p[which]
    rows = np.empty((int(np.count_nonzero(which)), columns), order="F")
    for k in range(columns):
        rows[:, k] = p[:, k][which]
    return rows


def floored_log(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithms of probabilities, floored at `PROBABILITY_FLOOR`."""
    floored = np.maximum(p, PROBABILITY_FLOOR)
    return np.asarray(np.log(floored, out=floored))


def fine_cell(x: NDArray[np.float64]) -> NDArray[np.int64]:
    """The cell of each value [items] in the fine grid."""
    return np.clip(np.searchsorted(FINE_EDGES, x, side="right") - 1, 0, FINE_CELLS - 1)


@dataclass(frozen=True)
class Binned:
    """Sums within bins: number of items, confidence, and items answered right."""

    count: Sums
    confidence: Sums
    right: Sums


@dataclass(frozen=True)
class Answers:
    """One model's probabilities [items, labels], the gold codes [items] where known, and the way items were drawn."""

    probabilities: NDArray[np.float64]
    gold: NDArray[np.int64] | None
    resampling: Resampling

    def once(self, of: Callable[[Answers], Made]) -> Made:
        """What ``of`` makes of these answers, made once: all candidates and remedies are held against one reference."""
        made = self._made.get(of)
        if made is None:
            made = self._made[of] = of(self)
        return cast("Made", made)

    @cached_property
    def _made(self) -> dict[Callable[[Answers], object], object]:
        return {}

    @property
    def answer(self) -> NDArray[np.int64]:
        """The most probable label's code [items]; the first of equals."""
        return self._top[0].astype(np.int64)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The answer's probability [items]."""
        return self._top[1]

    @cached_property
    def _top(self) -> tuple[NDArray[np.integer[Any]], NDArray[np.float64]]:
        """Both, the codes as small as they can be: they stay in memory."""
        code, confidence = largest_column(self.probabilities)
        return code.astype(np.min_scalar_type(self.label_count)), confidence

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Whether the answer is the gold label [items]; needs labels."""
        assert self.gold is not None  # noqa: S101 - measures that need labels are not asked without them
        return np.asarray(self.answer == self.gold)

    @property
    def log_probabilities(self) -> NDArray[np.float64]:
        """Natural logarithms [items, labels], floored at `PROBABILITY_FLOOR`; not kept, for they take much memory."""
        return floored_log(self.probabilities)

    @property
    def label_count(self) -> int:
        """How many labels there are."""
        return int(self.probabilities.shape[1])

    def binned(self, cell: NDArray[np.int64], cells: int) -> Binned:
        """Sums of count, confidence and right within the given cells; needs labels."""
        ones = np.ones(len(cell), dtype=np.bool_)
        return Binned(*self.resampling.cell_sums(cell, cells, ones, self.confidence, self.right))

    @cached_property
    def worth(self) -> float:
        """How many independent items one is worth for the noise of a calibration error: 1 without clusters."""
        return self.resampling.worth(self.confidence - self.right)

    @cached_property
    def fine_cell(self) -> NDArray[np.int16]:
        """The cell of the fine grid each confidence falls in [items]."""
        return fine_cell(self.confidence).astype(np.int16)

    @cached_property
    def fine_counts(self) -> Sums:
        """How many items fall in each cell of the fine grid."""
        return self.resampling.cell_sums(self.fine_cell, FINE_CELLS, np.ones(len(self.confidence), dtype=np.bool_))[0]

    @cached_property
    def fine(self) -> Binned:
        """Sums within the fine grid; needs labels."""
        # By themselves: they share nothing, and together take twice the memory.
        (confidence,) = self.resampling.cell_sums(self.fine_cell, FINE_CELLS, self.confidence)
        (right,) = self.resampling.cell_sums(self.fine_cell, FINE_CELLS, self.right)
        return Binned(self.fine_counts, confidence, right)

    @cached_property
    def wide(self) -> Binned:
        """Sums within the ten wide bins, from the fine grid's, which nests in them and is exact; needs labels."""
        first = np.searchsorted(FINE_EDGES, WIDE_EDGES[:-1])
        fine = (self.fine.count, self.fine.confidence, self.fine.right)
        return Binned(*(Sums(*(np.add.reduceat(x, first, axis=-1) for x in (s.total, s.draws))) for s in fine))


@dataclass(frozen=True)
class Pair:
    """A reference and a candidate on the same items."""

    reference: Answers
    candidate: Answers

    @property
    def resampling(self) -> Resampling:
        """How the items were drawn."""
        return self.reference.resampling

    @property
    def gold(self) -> NDArray[np.int64] | None:
        """Gold codes [items], or None."""
        return self.reference.gold

    @cached_property
    def alone(self) -> Pair | None:
        """The pair on independent items, where its clusters are too alike for intervals from them alone; else None."""
        r, c, resampling = self.reference, self.candidate, self.resampling
        values = [r.confidence, c.confidence, c.confidence - r.confidence]
        if self.gold is not None:
            values += [r.confidence - r.right, c.confidence - c.right, c.right.astype(np.float64) - r.right]
        if not resampling.alike(*values):
            return None
        return Pair(*(replace(answers, resampling=resampling.alone) for answers in (r, c)))

    def measured(self, group: Callable[[Pair], dict[str, Estimate]]) -> dict[str, Estimate]:
        """The estimates of a group of measures; where clusters are too alike, no narrower than of independent items."""
        found = group(self)
        return found if self.alone is None else all_holding(found, group(self.alone))
