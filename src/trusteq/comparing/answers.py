"""One model's outcomes as a sample of items, and the sums over them that many measures share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from trusteq.comparing.bins import FINE_CELLS, FINE_EDGES, WIDE_EDGES, fine_cell
from trusteq.comparing.measures import DIMENSIONS
from trusteq.stats.estimate import all_widened_to
from trusteq.stats.resampling import Sums

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.stats.estimate import Estimate
    from trusteq.stats.resampling import Resampling
    from trusteq.tasks.outcomes import Outcomes

Cached = TypeVar("Cached")


@dataclass(frozen=True)
class Binned:
    """Sums within bins: number of outcomes, confidence, and outcomes that are right."""

    count: Sums
    confidence: Sums
    right: Sums


@dataclass(frozen=True)
class Answers:
    """One model's outcomes, and how the items that they belong to were sampled."""

    outcomes: Outcomes
    resampling: Resampling

    def cached(self, function: Callable[[Answers], Cached]) -> Cached:
        """The function of these answers, computed once: all candidates are compared with the same reference."""
        value = self._cache.get(function)
        if value is None:
            value = self._cache[function] = function(self)
        return cast("Cached", value)

    def lean(self) -> Answers:
        """The same answers and what was computed of them once, without the sums over resamples, which are large."""
        other = Answers(self.outcomes, self.resampling.lean())
        other._cache.update(self._cache)
        return other

    @cached_property
    def _cache(self) -> dict[Callable[[Answers], object], object]:
        return {}

    @property
    def answer(self) -> NDArray[np.int64]:
        """The answer's code [outcomes]."""
        return self.outcomes.answer.astype(np.int64)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The model's confidence in its answer [outcomes]."""
        return self.outcomes.confidence

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the answer is right [outcomes]; only if that is known."""
        assert self.outcomes.right is not None  # noqa: S101 - measures that need labels are not computed without them
        return self.outcomes.right

    @property
    def gold(self) -> NDArray[np.int64] | None:
        """The code of the right answer [outcomes], or None."""
        return self.outcomes.gold

    @property
    def labelled(self) -> bool:
        """Whether it is known which answers are right."""
        return self.outcomes.right is not None

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The probabilities of all labels [outcomes, labels]; only if both models share their labels."""
        assert self.outcomes.distribution is not None  # noqa: S101 - not read without a distribution
        return self.outcomes.distribution

    @property
    def label_count(self) -> int:
        """The number of labels."""
        return int(self.probabilities.shape[1])

    def binned(self, cell: NDArray[np.int64], cells: int) -> Binned:
        """Sums of count, confidence and right within the given cells; needs labels."""
        ones = np.ones(len(cell), dtype=np.bool_)
        return Binned(*self.resampling.cell_sums(cell, cells, ones, self.confidence, self.right))

    @cached_property
    def worth(self) -> float:
        """How many independent items one item is worth for the noise of a calibration error; 1 without clusters."""
        return self.resampling.worth(self.confidence - self.right)

    @cached_property
    def fine_cell(self) -> NDArray[np.int16]:
        """The cell of the fine grid each confidence falls in [outcomes]."""
        return fine_cell(self.confidence).astype(np.int16)

    @cached_property
    def fine_counts(self) -> Sums:
        """How many outcomes fall in each cell of the fine grid."""
        return self.resampling.cell_sums(self.fine_cell, FINE_CELLS, np.ones(len(self.confidence), dtype=np.bool_))[0]

    @cached_property
    def fine(self) -> Binned:
        """Sums within the fine grid; needs labels."""
        # One after the other: they share nothing, and together they would take twice the memory.
        (confidence,) = self.resampling.cell_sums(self.fine_cell, FINE_CELLS, self.confidence)
        (right,) = self.resampling.cell_sums(self.fine_cell, FINE_CELLS, self.right)
        return Binned(self.fine_counts, confidence, right)

    @cached_property
    def wide(self) -> Binned:
        """Sums within the ten wide bins, from the fine grid, which nests in them and is exact; needs labels."""
        first = np.searchsorted(FINE_EDGES, WIDE_EDGES[:-1])
        fine = (self.fine.count, self.fine.confidence, self.fine.right)
        return Binned(*(Sums(*(np.add.reduceat(x, first, axis=-1) for x in (s.total, s.draws))) for s in fine))


@dataclass(frozen=True)
class Pair:
    """A reference and a candidate on the same items."""

    reference: Answers
    candidate: Answers
    dimensions: tuple[str, ...] = field(default=tuple(DIMENSIONS), kw_only=True)
    """Those in which they are compared."""

    @property
    def resampling(self) -> Resampling:
        """How the items were sampled."""
        return self.reference.resampling

    @property
    def labelled(self) -> bool:
        """Whether it is known which answers are right."""
        return self.reference.labelled and self.candidate.labelled

    @property
    def met(self) -> frozenset[str]:
        """The needs of measures (`measures.NEEDS`) that these outcomes meet."""
        both = (self.reference.outcomes, self.candidate.outcomes)
        is_met = {"labels": self.labelled, "distribution": all(o.distribution is not None for o in both)}
        shared = self.reference.outcomes.numbers.keys() & self.candidate.outcomes.numbers.keys()
        return frozenset(need for need, met in is_met.items() if met) | shared

    @cached_property
    def alone(self) -> Pair | None:
        """The pair on independent items, if its clusters are too similar for intervals from them only, else None."""
        r, c, resampling = self.reference, self.candidate, self.resampling
        values = [r.confidence, c.confidence, c.confidence - r.confidence]
        if self.labelled:
            values += [r.confidence - r.right, c.confidence - c.right, c.right.astype(np.float64) - r.right]
        if not resampling.too_similar(*values):
            return None
        return Pair(
            *(replace(answers, resampling=resampling.independent) for answers in (r, c)), dimensions=self.dimensions
        )

    def measured(self, group: Callable[[Pair], dict[str, Estimate]]) -> dict[str, Estimate]:
        """The estimates of a group of measures; if clusters are too similar, no narrower than of independent items."""
        estimates = group(self)
        return estimates if self.alone is None else all_widened_to(estimates, group(self.alone))
