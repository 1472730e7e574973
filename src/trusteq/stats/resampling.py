"""The paired bootstrap: one set of resamples of items (or clusters), shared by every measure and every model.

Measures are functions of sums over items. So values are summed once for each *unit*, the thing that is resampled, and
every resample is a row of unit counts: all resampled sums are one matrix product. Up to `MAX_UNITS` items, a unit is an
item. Beyond, items (or whole clusters) are assigned at random to `MAX_UNITS` groups of equal size: the variance between
such groups estimates the same sampling variance, and the cost no longer grows with items times resamples.

Sums are exact: values are rounded to a binary grid coarse enough that no sum is rounded (about 9 significant digits for
a million items). They are the same to the last bit in any order of items and with any number of threads.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import scipy

from trusteq.stats.coded import coded
from trusteq.stats.estimate import LEVEL, Estimate, all_widened_to, widened_to
from trusteq.stats.intervals import basic, bca, percentile, studentised, wider
from trusteq.stats.proportions import (
    binomial_quantile,
    design_effect,
    effective_n,
    quantile_of_normal,
    tango,
    variance_ratio,
    wilson,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    _ByUnit: TypeAlias = "NDArray[Any] | _Sparse"
    """Sums by unit: [units, cells], or if most are 0 those that are not."""

MAX_UNITS = 20_000
RESAMPLES = 2_000
FEW_UNITS = 30
"""Units below which the bootstrap-t interval is not trusted alone."""
MANY_UNITS = 100
"""Units from which Student's t and the normal differ by less than 2 %."""
ROUNDING = 1e-9
"""A standard error below which values differ only by rounding."""
TOO_SIMILAR = 1 / 4
"""The ratio of the variance between clusters to that of independent items below which clusters are too similar."""
BY_CHANCE = 1e-4
"""Many clusters with a higher ratio are also too similar if independent items had so low a ratio by this chance."""
_BLOCK = 64
_DRAWN = 2**17
"""How many units are drawn at once: so few that they stay in the processor's cache."""
_KEPT = 12_000_000
"""The most counts, of units in resamples, that are kept converted: up to 14 bytes each."""
_FEW, _FEW_SMALL = 1 / 10, 1 / 4  # share of non-empty cells below which a sparse product is faster; of `_SMALL` numbers
_WHOLE = 2**24  # up to here every whole number is exact in float32
_SMALL = 2**16 - 1  # up to here, in 16 bits


@dataclass(frozen=True)
class Sums:
    """Sums over items: as observed [columns], and in each resample [resamples, columns]."""

    total: NDArray[np.float64]
    draws: NDArray[np.float64]


@dataclass(frozen=True)
class Counted:
    """Numbers of items: as observed [cells, 1], and in each resample [cells, resamples]."""

    total: NDArray[np.integer[Any]]
    draws: NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Cells:
    """What to sum: the cell of each item [items], the number of cells, and each item's value [items].

    Whole numbers are best passed as booleans or integers: their sums cost half.
    """

    cell: NDArray[np.integer[Any]]
    cells: int
    x: NDArray[Any]


@dataclass(frozen=True)
class _Sparse:
    """Values [values], cell by cell, the unit of each, and how many of them each cell has [cells].

    A cell may have several values of a unit.
    """

    values: NDArray[Any]
    unit: NDArray[np.int32]
    sizes: NDArray[np.int64]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return self.values.dtype


@dataclass(frozen=True)
class _Table:
    """Sums by unit of the non-empty cells, the positions of these among all cells [filled], and how many there are."""

    by_unit: _ByUnit
    filled: NDArray[np.int64]
    cells: int


class _Counts:
    """Some resamples' counts of units, converted once to each type that they are multiplied in."""

    def __init__(self, counts: NDArray[np.uint8]) -> None:
        self.counts = counts
        self.converted: dict[str, NDArray[Any]] = {}

    def times(self, table: NDArray[Any] | scipy.sparse.csr_array) -> NDArray[Any]:
        """The sums in these resamples [cells, resamples] of sums by unit: [units, cells], or sparse [cells, units]."""
        kind = str(table.dtype)
        if kind == "float32" and "float64" in self.converted:
            kind = "float64"  # to convert them again would take longer than it saves
        counts = self.converted.get(kind)
        if counts is None:
            counts = self.converted[kind] = self.counts.T.astype(kind, order="C")
        return np.asarray(table.T @ counts if isinstance(table, np.ndarray) else table @ counts)


class Resampling:
    """How items were sampled, and resamples that show how another sample might have turned out.

    n: number of items. clusters [items]: items of one cluster are resampled together; None if items are independent.
    item: if the values are not one per item but one per outcome, the item that each belongs to [outcomes]. Estimates
    then count items as well, however many outcomes these have. weights [items]: how many items each stands for, if
    they were not drawn with equal chances: the inverse of its chance. Sums then count each so often; only sums, means
    and shares do.
    """

    def __init__(
        self,
        n: int,
        *,
        clusters: Sequence[str] | None = None,
        item: NDArray[np.int64] | None = None,
        weights: NDArray[np.float64] | None = None,
        resamples: int = RESAMPLES,
        seed: int = 0,
        level: float = LEVEL,
    ) -> None:
        self.n = n
        self.item = item
        self.weights = None if weights is None else weights / weights.mean()
        self.resamples = resamples
        self.seed = seed
        self.level = level
        self.cluster: NDArray[np.int64] | None = None
        if clusters is not None:
            self.cluster = coded(clusters)[1]
        self._sampled = n if self.cluster is None else int(self.cluster.max()) + 1
        self.grouped = self._sampled > MAX_UNITS
        self.units = min(self._sampled, MAX_UNITS)
        self.freedom = self.units - 1  # degrees of freedom of the spread between units

    def at(self, level: float) -> Resampling:
        """The same resamples, for intervals of another level."""
        other = copy(self)
        other.__dict__.pop("independent", None)
        other.level = level
        return other

    def lean(self) -> Resampling:
        """The same resamples, without what takes much memory and little time to compute again."""
        other = copy(self)
        other.__dict__.pop("_kept", None)
        return other

    @cached_property
    def independent(self) -> Resampling:
        """The same without clusters, but with the degrees of freedom that the clusters have."""
        other = Resampling(
            self.n, item=self.item, weights=self.weights, resamples=self.resamples, seed=self.seed, level=self.level
        )
        other.freedom = min(other.freedom, self.freedom)
        return other

    def part(self, at: NDArray[np.int64], *, resamples: int | None = None) -> Resampling:
        """How the values at these positions were sampled, with at most so many resamples."""
        width = 0 if self.cluster is None else len(str(self._sampled))  # so that clusters keep their order
        return Resampling(
            len(at),
            clusters=None if self.cluster is None else [f"{code:0{width}}" for code in self.cluster[at].tolist()],
            item=None if self.item is None else self.item[at],
            weights=None if self.weights is None else self.weights[at],
            resamples=self.resamples if resamples is None else min(resamples, self.resamples),
            seed=self.seed,
            level=self.level,
        )

    def too_similar(self, *values: NDArray[np.float64]) -> bool:
        """Whether, in any of these values [items], clusters differ less than independent items, and not by chance.

        Also True if there are too few clusters to tell. Resampling such clusters shows too little of how another sample
        might turn out, or nothing: clusters that contain the same items all give the same sums.
        """
        if self.cluster is None:
            return False
        others = int(self.cluster.max())
        if others + 1 < FEW_UNITS:  # so few may be similar by chance
            return others > 0
        threshold = max(TOO_SIMILAR, scipy.special.chdtri(others, 1 - BY_CHANCE) / others)
        ratios = [variance_ratio(x, self.cluster) for x in values if x.std() > ROUNDING]
        return any(ratio is not None and ratio < threshold for ratio in ratios)

    @cached_property
    def items(self) -> int:
        """How many items there are: the n of estimates."""
        return self.items_among(np.ones(self.n, dtype=np.bool_))

    def items_among(self, inside: NDArray[np.bool_]) -> int:
        """How many items the values ``inside`` [items] belong to."""
        return int(np.count_nonzero(inside)) if self.item is None else len(np.unique(self.item[inside]))

    @cached_property
    def unit(self) -> NDArray[np.int64]:
        """The unit each item belongs to [items]: itself, its cluster, or the group that either was assigned to."""
        unit = np.arange(self.n, dtype=np.int64) if self.cluster is None else self.cluster
        if not self.grouped:
            return unit
        group = np.random.default_rng([self.seed, 1]).permutation(self._sampled) % MAX_UNITS
        return np.asarray(group[unit])

    @property
    def what(self) -> str:
        """What is resampled, in words for an estimate's method."""
        kind = "items" if self.cluster is None else "clusters"
        kind = f"{MAX_UNITS:,} random groups of {kind}" if self.grouped else kind
        return kind if self.weights is None else f"{kind}, weighted by the inverse of their chances"

    @cached_property
    def counts(self) -> NDArray[np.uint8]:
        """How often each unit is in each resample [resamples, units]."""
        rng = np.random.default_rng([self.seed, 2])
        counts = np.empty((self.resamples, self.units), dtype=np.uint8)
        at_once = max(1, _DRAWN // self.units)
        for start in range(0, self.resamples, at_once):
            rows = min(at_once, self.resamples - start)
            drawn = rng.integers(0, self.units, size=(rows, self.units), dtype=np.int32)
            drawn += (np.arange(rows, dtype=np.int32) * self.units)[:, None]
            flat = np.bincount(drawn.ravel(), minlength=rows * self.units)
            counts[start : start + rows] = flat.reshape(rows, self.units)
        return counts

    def cell_sums(self, cell: NDArray[np.integer[Any]], cells: int, *values: NDArray[Any]) -> tuple[Sums, ...]:
        """Sums of each per-item array [items] within each cell [cells]; ``cell`` [items]."""
        return tuple(self.sums(Cells(cell, cells, x) for x in values))

    def sums(self, terms: Iterable[Cells]) -> list[Sums]:
        """The sums within the cells of each; computing several at once is cheaper."""
        tables, totals = zip(*(self._table(cells) for cells in terms), strict=True)
        return [Sums(total, draws) for total, draws in zip(totals, self._draws(tables), strict=True)]

    def counted(self, cell: NDArray[np.integer[Any]], cells: int, *among: NDArray[np.bool_]) -> list[Counted]:
        """How many items are in each cell [cells], of all those ``among`` [items]; ``cell`` [items].

        The same as `cell_sums`, turned around and in whole numbers, for many cells at a fraction of the cost.
        """
        self._refuse_weights()
        tables, totals = zip(*(self._table(Cells(cell, cells, x)) for x in among), strict=True)
        kind = np.uint16 if self._largest(np.ones(1)) <= _SMALL else np.int64
        draws = [np.zeros((cells, self.resamples), dtype=kind) for _ in among]
        for rows, number, sums in self._products(tables):
            draws[number][tables[number].filled, rows] = sums
        return [Counted(total.astype(kind)[:, None], x) for total, x in zip(totals, draws, strict=True)]

    def _table(self, terms: Cells) -> tuple[_Table, NDArray[np.float64]]:
        """The sums by unit, and over all units [cells]."""
        x, cells = self._exact(self.weighted(terms.x)), terms.cells
        filled = np.flatnonzero(np.bincount(terms.cell, minlength=cells))
        position = np.zeros(cells, dtype=np.int64)
        position[filled] = np.arange(len(filled))
        by_unit = self._by_unit(position[terms.cell], len(filled), x)
        total = np.asarray(np.bincount(terms.cell, weights=x, minlength=cells), dtype=np.float64)
        return _Table(by_unit, filled, cells), total

    def _by_unit(self, cell: NDArray[np.int64], cells: int, x: NDArray[np.floating[Any]]) -> _ByUnit:
        """The sums of `_exact` values [items] within cells, by unit."""
        nonzero = np.flatnonzero(x)
        small = x.dtype == np.float32 and x.min(initial=0) >= 0 and self._largest(x) <= _SMALL
        # An item is in one cell, so many cells are mostly empty. Every sum is exact, so both products are the same.
        if len(nonzero) < (_FEW_SMALL if small else _FEW) * self.units * cells:
            cell = cell[nonzero]
            at = nonzero[np.argsort(cell, kind="stable")]
            values = x[at].astype(np.uint16) if small else x[at]
            return _Sparse(values, self.unit[at].astype(np.int32), np.bincount(cell, minlength=cells))
        at = self.unit * cells
        at += cell
        by_unit = np.bincount(at, weights=x, minlength=self.units * cells)
        return by_unit.reshape(self.units, cells).astype(x.dtype, copy=False)

    def _unit_sums(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of values [items] in each unit [units]."""
        by_unit = np.bincount(self.unit, weights=self._exact(self.weighted(x)), minlength=self.units)
        return np.asarray(by_unit, dtype=np.float64)

    def weighted(self, x: NDArray[Any]) -> NDArray[Any]:
        """Values [items], each times how many items it stands for."""
        return x if self.weights is None else x * self.weights

    def total(self, x: NDArray[np.float64]) -> float:
        """The sum of values [items]."""
        return float(self.weighted(x).sum())

    def parts(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """What the sum of values [items] consists of: the sum in each unit; with clusters, also what each item adds."""
        by_unit = self._unit_sums(x)
        return (by_unit,) if self.cluster is None else (by_unit, self.weighted(x))

    def _exact(self, x: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """The values on a binary grid on which every sum in a resample is exact, in float64 or float32."""
        largest = self._largest(x)
        if x.dtype.kind in "bui" and largest <= _WHOLE:
            return x.astype(np.float32)
        x = np.asarray(x, dtype=np.float64)
        if largest == 0:
            return x
        # No double is finer than 2^-1074.
        step = 2.0 ** max(np.ceil(np.log2(largest)) - 52, -1074)
        exact = x / step
        np.round(exact, out=exact)
        exact *= step
        return np.asarray(exact)

    def _largest(self, x: NDArray[Any]) -> float:
        """The largest size that a sum of values [items] can have in a resample, or more."""
        return float(np.abs(x).max(initial=0.0)) * self.units * self._most

    @cached_property
    def _most(self) -> float:
        """The most items in a unit."""
        return float(np.bincount(self.unit, minlength=self.units).max())

    @cached_property
    def _sizes(self) -> NDArray[np.float64]:
        """Items in each unit, or how many these stand for [units]."""
        return self._unit_sums(np.ones(self.n))

    def _draws(self, tables: Sequence[_Table]) -> list[NDArray[np.float64]]:
        """Every resample's sums [resamples, cells] of each table."""
        draws = [np.zeros((self.resamples, table.cells)) for table in tables]
        for rows, number, sums in self._products(tables):
            table = tables[number]
            draws[number][rows, slice(None) if len(table.filled) == table.cells else table.filled] = sums.T
        return draws

    def _products(self, tables: Sequence[_Table]) -> Iterator[tuple[slice, int, NDArray[Any]]]:
        """Some resamples, the position of a table, and its sums in these resamples [filled, rows]."""
        stacks = _stacked(tables, self.units)
        for start, counts in self._blocks():
            rows = slice(start, start + len(counts.counts))
            for by_unit, numbers in stacks:
                sums = counts.times(by_unit)
                for number, part in zip(numbers, _split(sums, [tables[i] for i in numbers]), strict=True):
                    yield rows, number, part

    def _blocks(self) -> Iterator[tuple[int, _Counts]]:
        """The counts of the resamples from a position on, for all of them together."""
        if self.counts.size <= _KEPT:
            yield 0, self._kept
            return
        rows = _BLOCK * MAX_UNITS // self.units
        for start in range(0, self.resamples, rows):
            yield start, _Counts(self.counts[start : start + rows])

    @cached_property
    def _kept(self) -> _Counts:
        """The counts of all resamples."""
        return _Counts(self.counts)

    def _draws_of(self, by_unit: NDArray[np.float64]) -> NDArray[np.float64]:
        """Every resample's sums [resamples, columns] of sums by unit [units, columns]."""
        columns = by_unit.shape[1]
        return self._draws([_Table(by_unit, np.arange(columns), columns)])[0]

    @cached_property
    def _resampled_sizes(self) -> NDArray[np.float64]:
        """Items in each resample, or how many these stand for [resamples]."""
        return self._draws_of(self._sizes[:, None])[:, 0]

    # Estimates -----------------------------------------------------------------------------------

    def mean(self, x: NDArray[np.float64], *, what: str) -> Estimate:
        """The mean of per-item values [items], with a BCa interval."""
        return self.means({"": (x, what)})[""]

    def means(self, values: Mapping[str, tuple[NDArray[np.float64], str]]) -> dict[str, Estimate]:
        """The means of several per-item values [items], by name; each comes with words that say what it is."""
        arrays = {name: np.asarray(x, dtype=np.float64) for name, (x, _) in values.items()}
        by_unit = np.stack([self._unit_sums(x) for x in arrays.values()], axis=1)
        draws = self._draws_of(by_unit) / self._resampled_sizes[:, None]
        estimates = {
            name: self._mean(np.ascontiguousarray(by_unit[:, k]), np.ascontiguousarray(draws[:, k]), what=what)
            for k, (name, (_, what)) in enumerate(values.items())
        }
        similar = {name: values[name] for name, x in arrays.items() if self.too_similar(x)}
        independent = self.independent.means(similar) if similar else {}
        return estimates | all_widened_to({name: estimates[name] for name in similar}, independent)

    def _mean(self, by_unit: NDArray[np.float64], draws: NDArray[np.float64], *, what: str) -> Estimate:
        value = float(by_unit.sum() / self._sizes.sum())
        low, high = bca(value, self._widened(value, draws), by_unit - value * self._sizes, level=self.level)
        method = f"{what}; BCa, {self.resamples:,} resamples of {self.what}"
        return Estimate(value, low, high, self.items, method, self.level)

    def share(
        self,
        x: NDArray[np.bool_],
        *,
        what: str,
        among: NDArray[np.bool_] | None = None,
        level: float | None = None,
    ) -> Estimate | None:
        """The share of the items ``among`` for which ``x`` [items] is true, with Wilson's interval; None if no items.

        level: overrides that of the resampling, for intervals that must hold jointly.
        """
        level = level or self.level
        inside = np.ones(self.n, dtype=np.bool_) if among is None else among
        n = int(np.count_nonzero(inside))
        if n == 0:
            return None
        value = int(np.count_nonzero(x & inside)) / n
        worth = float(n) if self.cluster is None else self._worth(x[inside].astype(np.float64), inside)
        if self.weights is not None:
            some = self.weights[inside]
            value = float((some * x[inside]).sum() / some.sum())
            worth *= float(some.sum() ** 2 / (some @ some) / n)  # Kish 1965: unequal weights are worth fewer items
        low, high = wilson(value, worth, level=level)
        return Estimate(value, low, high, self.items_among(inside), f"{what}; Wilson{self._effective}", level)

    def share_difference(self, a: NDArray[np.bool_], b: NDArray[np.bool_], *, what: str) -> Estimate:
        """Share of ``b`` minus share of ``a`` over the same items, with Tango's paired interval."""
        self._refuse_weights()
        difference = b.astype(np.float64) - a
        scale = self._worth(difference, np.ones(self.n, dtype=np.bool_)) / self.n
        gains, losses = np.count_nonzero(b & ~a), np.count_nonzero(a & ~b)
        low, high = tango(gains * scale, losses * scale, self.n * scale, level=self.level)
        return Estimate(
            float((gains - losses) / self.n),
            low,
            high,
            self.items,
            f"{what}; paired score (Tango){self._effective}",
            self.level,
        )

    def quantile(
        self, x: NDArray[np.float64], q: float, *, what: str, bounds: tuple[float, float] = (-np.inf, np.inf)
    ) -> Estimate:
        """The q-quantile of per-item values, by `quantiles`."""
        return self.quantiles(x, {"": (q, what)}, bounds=bounds)[""]

    def quantiles(
        self,
        x: NDArray[np.float64],
        quantiles: Mapping[str, tuple[float, str]],
        *,
        bounds: tuple[float, float] = (-np.inf, np.inf),
    ) -> dict[str, Estimate]:
        """Several quantiles of per-item values, by name; each comes with its q and words that say what it is.

        Their intervals are the distribution-free ones from order statistics. Where the sample is too small to bound a
        quantile on one side, that end is the measure's bound.
        """
        self._refuse_weights()
        ordered = np.sort(x)
        values = np.quantile(ordered, [q for q, _ in quantiles.values()], method="inverted_cdf").tolist()
        tail = (1 - self.level) / 2
        estimates = {}
        for (name, (q, what)), value in zip(quantiles.items(), values, strict=True):
            n = int(self._worth((x <= value).astype(np.float64), np.ones(self.n, dtype=np.bool_)))
            lower, upper = binomial_quantile(tail, n, q), binomial_quantile(1 - tail, n, q) + 1
            # Rank k of n effective items covers shares (k - 1) / n to k / n of all items: take the outer end of each.
            low = ordered[int((lower - 1) * self.n // n)] if lower >= 1 else bounds[0]
            high = ordered[int(-(-upper * self.n // n)) - 1] if upper <= n else bounds[1]
            method = f"{what}; order statistics{self._effective}"
            estimates[name] = Estimate(value, float(low), float(high), self.items, method, self.level)
        return estimates

    def functional(
        self,
        of: Callable[..., NDArray[np.float64]],
        *sums: Sums,
        what: str,
        value: float | None = None,
        bounds: tuple[float, float] = (-np.inf, np.inf),
    ) -> Estimate:
        """The estimate of a function of sums, by `from_draws`; ``of`` maps arrays [rows, columns] to [rows]."""
        point = float(of(*(s.total[None] for s in sums))[0])
        return self.from_draws(point, of(*(s.draws for s in sums)), what=what, value=value, bounds=bounds)

    def from_draws(
        self,
        point: float,
        draws: NDArray[np.float64],
        *,
        what: str,
        value: float | None = None,
        bounds: tuple[float, float] = (-np.inf, np.inf),
        interval: Literal["wider", "basic", "percentile"] = "wider",
    ) -> Estimate:
        """An estimate from its bootstrap draws [resamples], its interval clipped to ``bounds``.

        ``value`` is the exact figure if ``point`` and the draws come from a fine grid: the interval is computed on the
        grid and shifted to the exact figure.
        """
        exact, value_on_grid = point if value is None else value, point
        draws = self._widened(point, draws)
        ends = {"wider": wider, "basic": basic, "percentile": percentile}[interval](point, draws, level=self.level)
        low, high = (float(np.clip(end + (exact - value_on_grid), *bounds)) for end in ends)
        kind = {"wider": "wider of basic and percentile"}.get(interval, interval)
        method = f"{what}; {kind} bootstrap, {self.resamples:,} resamples of {self.what}"
        # The shift is rounded, and the interval must still contain the figure.
        return Estimate(exact, min(low, exact), max(high, exact), self.items, method, self.level)

    def _widened(self, value: float, draws: NDArray[np.float64]) -> NDArray[np.float64]:
        """Draws [resamples] spread out if items or clusters are few: Student's t replaces the normal."""
        as_they_are = self.units < 2 or (self.cluster is None and self.freedom + 1 >= MANY_UNITS)
        return draws if as_they_are else self._spread(value, draws)

    def _spread(self, value: float, draws: NDArray[np.float64]) -> NDArray[np.float64]:
        student = scipy.special.stdtrit(self.freedom, (1 + self.level) / 2) / quantile_of_normal(self.level)
        return np.asarray(value + (draws - value) * (student * np.sqrt(self.units / (self.units - 1))))

    def studentised(
        self,
        of: Callable[..., NDArray[np.float64]],
        *values: NDArray[np.float64],
        what: str,
        bounds: tuple[float, float],
    ) -> Estimate:
        """A smooth function of sums over items, with a bootstrap-t interval clipped to ``bounds``.

        ``of`` takes the sums of each of ``values`` [items], [rows, 1] each, and returns [rows]; it must not change when
        all sums are multiplied by the same factor.
        """
        estimate = self._studentised(of, *values, what=what, bounds=bounds)
        if self.cluster is None:
            return estimate
        by_item = np.stack(values, axis=1)
        size = np.sqrt((by_item**2).sum(axis=0))
        influence = _influences(by_item, _gradient(of, by_item.sum(axis=0)[None], size))[:, 0]
        if not self.too_similar(influence):
            return estimate
        return widened_to(estimate, self.independent.studentised(of, *values, what=what, bounds=bounds))

    def _studentised(
        self,
        of: Callable[..., NDArray[np.float64]],
        *values: NDArray[np.float64],
        what: str,
        bounds: tuple[float, float],
    ) -> Estimate:
        by_unit = np.stack([self._unit_sums(x) for x in values], axis=1)
        size = np.sqrt((by_unit**2).sum(axis=0))
        total, resampled = by_unit.sum(axis=0)[None], self._draws_of(by_unit)
        value, draws = float(_of(of, total)[0]), _of(of, resampled)
        error = float(np.sqrt((_influences(by_unit, _gradient(of, total, size)) ** 2).sum()))
        errors = self._errors(by_unit, _gradient(of, resampled, size))
        # Then resamples differ by rounding alone.
        if self.units < 2 or error <= ROUNDING:
            return self.from_draws(value, draws, what=what, bounds=bounds)
        low, high = studentised(value, error, draws, errors, level=self.level)
        if self.freedom + 1 < FEW_UNITS:  # so few units make no resample as extreme as a sample may be
            ends = wider(value, self._spread(value, draws), level=self.level)
            low, high = min(low, ends[0]), max(high, ends[1])
        low, high = (float(x) for x in np.clip((low, high), *bounds))
        method = f"{what}; bootstrap-t, {self.resamples:,} resamples of {self.what}"
        return Estimate(value, min(low, value), max(high, value), self.items, method, self.level)

    def _errors(self, by_unit: NDArray[np.float64], gradients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each resample's standard error [resamples] of a function with these gradients [resamples, columns]."""
        squares = np.empty(self.resamples)
        for start in range(0, self.resamples, _BLOCK):
            influence = _influences(by_unit, gradients[start : start + _BLOCK]) ** 2
            squares[start : start + _BLOCK] = np.einsum("ru,ur->r", self.counts[start : start + _BLOCK], influence)
        return np.sqrt(squares)

    def worth(self, x: NDArray[np.float64]) -> float:
        """How many independent items one item is worth for the mean of ``x`` [items]; 1 without clusters."""
        return self._worth(x, np.ones(self.n, dtype=np.bool_)) / self.n

    def design_effect(self, x: NDArray[np.float64], inside: NDArray[np.bool_]) -> float:
        """How many times larger clustering makes the variance of the mean of ``x`` over items ``inside`` [items]."""
        if self.cluster is None:
            return 1.0
        return design_effect(x[inside], np.unique(self.cluster[inside], return_inverse=True)[1].astype(np.int64))

    def _worth(self, x: NDArray[np.float64], inside: NDArray[np.bool_]) -> float:
        if self.cluster is None:
            return float(len(x))
        unit = np.unique(self.cluster[inside], return_inverse=True)[1].astype(np.int64)
        return effective_n(x, unit, level=self.level)

    def _refuse_weights(self) -> None:
        if self.weights is not None:
            raise ValueError("items with unequal chances have sums, means and shares alone")

    @property
    def _effective(self) -> str:
        sources = [
            name for name, source in (("clusters", self.cluster), ("weights", self.weights)) if source is not None
        ]
        return f", effective n from {' and '.join(sources)}" if sources else ""


def _stacked(tables: Sequence[_Table], units: int) -> list[tuple[NDArray[Any] | scipy.sparse.csr_array, list[int]]]:
    """Tables of the same type joined, with their positions in ``tables``: one product is faster than several."""
    groups: dict[Any, list[int]] = {}
    for number, table in enumerate(tables):
        groups.setdefault((isinstance(table.by_unit, np.ndarray), table.by_unit.dtype), []).append(number)
    stacks: list[tuple[NDArray[Any] | scipy.sparse.csr_array, list[int]]] = []
    for numbers in groups.values():
        parts = [tables[number].by_unit for number in numbers]
        dense = [part for part in parts if isinstance(part, np.ndarray)]
        stacks.append(
            (_joined(dense) if dense else _in_rows([p for p in parts if isinstance(p, _Sparse)], units), numbers)
        )
    return stacks


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _in_rows(parts: Sequence[_Sparse], units: int) -> scipy.sparse.csr_array:
    """All cells one below the other [cells, units]."""
    sizes = np.concatenate([part.sizes for part in parts])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    starts = starts.astype(np.int32) if starts[-1] <= np.iinfo(np.int32).max else starts
    values, unit = (np.concatenate(x) for x in ([p.values for p in parts], [p.unit for p in parts]))
    return scipy.sparse.csr_array((values, unit, starts), shape=(len(sizes), units))


def _split(sums: NDArray[np.floating[Any]], tables: Sequence[_Table]) -> list[NDArray[np.floating[Any]]]:
    """The rows of each of the tables that were joined."""
    return np.split(sums, np.cumsum([len(table.filled) for table in tables])[:-1])


def _of(of: Callable[..., NDArray[np.float64]], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return of(*np.split(sums, sums.shape[1], axis=1))


def _influences(by_unit: NDArray[np.float64], gradients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each unit's influence on a function [units, rows]; not by BLAS, whose last bit depends on the thread count."""
    return np.asarray(np.einsum("uc,rc->ur", by_unit, gradients))


def _gradient(
    of: Callable[..., NDArray[np.float64]], sums: NDArray[np.float64], size: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A function's derivative by each of its sums [rows, columns]: central differences, a hundred-thousandth wide."""
    gradient = np.zeros_like(sums)
    for column, scale in enumerate(np.maximum(np.abs(sums).max(axis=0), size)):
        step = np.zeros(sums.shape[1])
        step[column] = 1e-5 * scale or 1.0
        gradient[:, column] = (_of(of, sums + step) - _of(of, sums - step)) / (2 * step[column])
    return gradient
