"""Binomial draws for one row of chances after another, all from the same random numbers.

numpy turns one uniform number into a draw by inversion where few successes (or failures) are expected, and sets the
inversion up anew for each draw. Here the numbers are drawn once and the chances are summed once a column: the draws are
the same, at a fraction of the cost.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEW = 30.0
"""The most expected successes, or failures, for which numpy draws by inversion."""


class BinomialDraws:
    """What numpy's generator of a seed draws, [rows, columns], in ``n`` trials [columns].

    ``about`` [columns]: about what chance of success there will be; it decides the speed alone.
    """

    def __init__(self, seed: Sequence[int], n: NDArray[np.int64], rows: int, *, about: NDArray[np.float64]) -> None:
        self.seed, self.n, self.rows = seed, n, rows
        # From many successes to few, so that columns which may have more of them stand together.
        self.order = np.argsort(-n * np.minimum(about, 1 - about), kind="stable")

    def at(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """The draws [steps, rows, columns] for chances of success [steps, columns], each step from the seed."""
        rare = self.n * np.minimum(p, 1 - p) <= FEW
        # Otherwise numpy takes as many numbers as it happens to need; and none for a chance of 0.
        inverted = (rare & (p > 0)).all(axis=1)
        if inverted.all():
            return self._inverted(p)
        draws = np.empty((len(p), self.rows, len(self.n)))
        for step in np.flatnonzero(~inverted):
            draws[step] = np.random.default_rng(self.seed).binomial(self.n, p[step], size=draws.shape[1:])
        if inverted.any():
            draws[inverted] = self._inverted(p[inverted])
        return draws

    def _inverted(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same by inversion."""
        rarer = np.minimum(p, 1 - p)
        found = np.zeros((len(p), *self._uniform.shape), dtype=np.int8)
        for at_most in _cumulative(self.n[self.order], rarer[:, self.order]):
            exceeded = np.flatnonzero((at_most < self._largest).any(axis=0))
            if len(exceeded) == 0:
                break
            columns = exceeded[-1] + 1
            found[:, :columns] += self._uniform[:columns] > at_most[:, :columns, None]
        found = found[:, np.argsort(self.order)].swapaxes(1, 2)
        # Successes where these are rarer, otherwise what is left of all trials.
        failures = (p > 0.5)[:, None]
        draws = np.multiply(found, np.where(failures, -1.0, 1.0), order="C")
        draws += np.where(failures, self.n, 0)
        return draws

    @cached_property
    def _uniform(self) -> NDArray[np.float64]:
        """The uniform number of each draw [columns, rows], columns in `order`."""
        uniform = np.random.default_rng(self.seed).random((self.rows, len(self.n)))
        return np.ascontiguousarray(uniform.T[self.order])

    @cached_property
    def _largest(self) -> NDArray[np.float64]:
        """The largest uniform number of each column."""
        return np.asarray(self._uniform.max(axis=1))


def _cumulative(n: NDArray[np.int64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chance of at most 0, 1, ... successes in each step and column [successes, steps, columns]."""
    mean = n * p
    most = int(np.minimum(n, mean + 10 * np.sqrt(mean * (1 - p) + 1)).max(initial=1))
    k = np.arange(1, most)[:, None]
    terms = np.empty((max(most, 1), *p.shape))
    terms[0] = np.exp(n * np.log1p(-p))
    np.multiply((np.maximum(n + 1 - k, 0) / k)[:, None], p / (1 - p), out=terms[1:])
    return np.asarray(terms.cumprod(axis=0).cumsum(axis=0))
