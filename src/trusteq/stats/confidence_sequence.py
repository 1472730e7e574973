"""Confidence sequences: intervals that hold at all sample sizes at once, so that an audit may stop at any time.

An ordinary 95 % interval holds at one sample size chosen beforehand; if you look after every batch and stop at a
result you like, it misses far more often. A confidence sequence has a chance of at most 1 - level to miss at *any*
look. It has one condition: items come in random order. Then a test set of N items is a population from which items are
drawn without replacement, whether or not it has clusters, and the sequence says what all N would show.

1. The mean of values with known bounds, valid at every sample size: `bounded_mean`, after Waudby-Smith and Ramdas,
   "Estimating means of bounded random variables by betting" (2024, arXiv 2010.09686).
2. Any smooth function of means, valid asymptotically: `asymptotic_half_length` and `sequence_of_ratio`, after
   Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
   sequences" (2024, arXiv 2103.06476).

Like ordinary intervals, neither can account for rare items that have not been seen yet. `obrien_fleming` is for those:
the level that an ordinary interval needs in order to count before all items are seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy

from trusteq.stats.estimate import LEVEL, Estimate
from trusteq.stats.proportions import quantile_of_normal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Method = Literal["betting", "empirical Bernstein"]

FIRST_LOOK = 50
"""Items before the first look of an asymptotic sequence, and items left unseen at its last but the full one."""

TUNED_AT = 500
"""The number of independent items at which an asymptotic sequence is tightest, unless another is chosen beforehand."""

CAUTION = 4
"""How far the variance of a ratio's influences is raised; bench/sequences.py shows that this much is needed."""

BETS = ((30, 0.95), (300, 0.5), (3_000, 0.5))
"""For each bettor: the number of independent items that its bets are best for, and the largest loss from one item."""

GRID = 128
"""Candidate means in a grid."""

ROWS = 64
"""Items whose bets are computed at once."""

RICH = 1e100
"""Wealth is capped here, far above any threshold, and bets stop growing at ..."""

NEAR_BOUND = 1e-3
"""... this distance of a candidate from a bound, so that no product of `ROWS` gains overflows."""


def bounded_mean(
    x: NDArray[np.float64],
    *,
    bounds: tuple[float, float] = (0.0, 1.0),
    population: int | None = None,
    level: float = LEVEL,
    method: Method = "betting",
    at: Sequence[int] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper ends [items] for the mean after each item, or only after the numbers of items ``at`` [looks].

    ``x`` [items] in the random order in which they were seen, each within ``bounds``. ``population`` is the number of
    items from which they are drawn without replacement, None for independent draws. Each end is the tightest so far;
    once the whole population is seen, both are its mean. The ends after t items never depend on later ones.

    "betting" is about half as long again as an ordinary interval; "empirical Bernstein" is a closed form, a hundred
    times cheaper and wider.
    """
    x = np.asarray(x, dtype=np.float64)
    floor, ceiling = bounds
    _check_values(x, bounds)
    if method not in _ENDS:
        raise ValueError(f"unknown method {method!r}; choose from {', '.join(map(repr, _ENDS))}")
    if population is not None and len(x) > population:
        raise ValueError(
            f"{len(x)} items cannot come from a population of {population}; give the total number of items"
        )
    draws = _draws((x - floor) / (ceiling - floor), population, level)
    lows, highs = _ENDS[method](draws, level)
    lows, highs = _frozen(np.maximum.accumulate(lows), np.minimum.accumulate(highs))
    if population is not None:
        # The lowest and highest means still possible have all unseen items at one bound.
        seen = np.cumsum(draws.x) / population
        unseen = 1 - np.arange(1, len(x) + 1) / population
        lows, highs = np.clip(lows, seen, seen + unseen), np.clip(highs, seen, seen + unseen)
    if at is not None:
        looks = np.asarray(at, dtype=np.int64) - 1
        if looks.size and not 0 <= looks.min() <= looks.max() < len(x):
            raise ValueError(f"looks must be at 1 to {len(x)} items (got {list(at)})")
        lows, highs = lows[looks], highs[looks]
    return floor + (ceiling - floor) * lows, floor + (ceiling - floor) * highs


def asymptotic_half_length(
    sd: float, items: int, *, tuned_at: int = TUNED_AT, population: int | None = None, level: float = LEVEL
) -> float:
    """Half the length of the asymptotic sequence for a mean after this many items.

    ``sd`` is the standard deviation (n - 1) of the items' values, or of their influence on a function of means. The
    boundary is Robbins' normal mixture (2103.06476, section 2); ``tuned_at``, a number of independent items, must be
    chosen before the data are seen.

    Without replacement, the sum's deviation S_t from its expectation is not a random walk, but S_t / (N - t) is a
    martingale, and N S_t / (N - t) has variance sd² t N / (N - t). In the limit S_t is a Brownian bridge (Rosén 1964),
    which this turns into Brownian motion in the time t / (1 - t / N). The half-length is therefore that of this many
    independent items, and 0 at t = N.
    """
    if items == population:
        return 0.0
    alpha = 1 - level
    # Tightest where the argument u of the logarithm solves u - log u = 1 - 2 log alpha.
    rho2 = (-scipy.special.lambertw(-(alpha**2) / math.e, k=-1).real - 1) / tuned_at
    t = _independent(items, population)
    return float(sd * math.sqrt(2 * (t * rho2 + 1) / (t * t * rho2) * math.log(math.sqrt(t * rho2 + 1) / alpha)))


def obrien_fleming(level: float, seen: float) -> float:
    """The level for an ordinary interval at a look when a share ``seen`` of all items is in; ``level`` at the end.

    O'Brien and Fleming's boundary, "A multiple testing procedure for clinical trials" (1979): z / root(seen). Early
    looks add next to nothing to the error rate: at a third of the items, 95 % becomes 99.93 %.
    """
    return 1 - 2 * float(scipy.special.ndtr(-quantile_of_normal(level) / math.sqrt(seen)))


def sequence_of_ratio(
    c: NDArray[np.float64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    *,
    looks: Sequence[int],
    tuned_at: int = TUNED_AT,
    population: int | None = None,
    level: float = LEVEL,
    what: str = "ratio of means",
) -> list[Estimate]:
    """mean(c) / sqrt(mean(a) mean(b)) after each of the ``looks``, numbers of items, with its asymptotic sequence.

    ``c``, ``a``, ``b`` [items] in random order, as in noise-free agreement. Looks may be added as items come in. The
    first must be at `FIRST_LOOK` items or later, and leave as many of a ``population`` unseen, or none, since the
    normal limit is needed for the unseen items too. Where a mean under the root is not positive, the value is NaN and
    the interval the whole line; where removing one item would make it so, there is a value, but still the whole line.
    """
    c, a, b = (np.asarray(values, dtype=np.float64) for values in (c, a, b))
    if not len(c) == len(a) == len(b):
        raise ValueError(f"c, a and b must have the same length (got {len(c)}, {len(a)} and {len(b)})")
    unusable = ~np.isfinite(c + a + b)
    if unusable.any():
        raise ValueError(f"c, a or b of item {int(unusable.argmax())} is not a finite number")
    method = f"{what}; asymptotic confidence sequence, tightest at {tuned_at:,} items"
    sequence = []
    for look in looks:
        _check_look(look, len(c), population)
        value, sd = _ratio(c[:look], a[:look], b[:look], population)
        half = asymptotic_half_length(sd, look, tuned_at=tuned_at, population=population, level=level)
        low, high = (-math.inf, math.inf) if math.isnan(value) else (value - half, value + half)
        sequence.append(Estimate(value, low, high, look, method, level))
    return sequence


def _ratio(
    c: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64], population: int | None
) -> tuple[float, float]:
    """The ratio, NaN where there is no root, and the standard deviation of the items' influence on it.

    The influence is the jackknife's, which accounts for the ratio's curvature: where a few items weigh much, it is
    larger than the derivative's. The variance is raised for its own uncertainty, whose relative square is about
    1 / n_e, n_e = (Σ u²)² / Σ u⁴ of the influences u (a third of n for a normal distribution): by `CAUTION` / n_e,
    much as Student's t does. At a late look, the unseen items are few.
    """
    n = len(c)
    without_a, without_b = a.sum() - a, b.sum() - b
    if not (a.sum() > 0 and b.sum() > 0):
        return math.nan, math.inf
    value = float(c.sum() / np.sqrt(a.sum() * b.sum()))
    if not (without_a.min() > 0 and without_b.min() > 0):
        return value, math.inf
    influence = (n - 1) * (value - (c.sum() - c) / np.sqrt(without_a * without_b))
    influence -= influence.mean()
    variance = influence @ influence / (n - 1)
    if variance == 0:
        return value, 0.0
    effective = (influence @ influence) ** 2 / np.sum(influence**4)
    if population is not None and population > n:
        effective *= min(1, (population - n) / n)
    return value, math.sqrt(variance * (1 + CAUTION / effective))


@dataclass(frozen=True)
class _Draws:
    """Values on [0, 1], and statistics of the values before each: all [items].

    If the population's mean were m, the next value's expectation would be ``slope`` m - ``shift``. ``guess`` is the
    mean of the earlier values, and ``bold`` / root(n) the best bet for n items, given the earlier values' variance.
    """

    x: NDArray[np.float64]
    slope: NDArray[np.float64]
    shift: NDArray[np.float64]
    guess: NDArray[np.float64]
    bold: NDArray[np.float64]


def _draws(x: NDArray[np.float64], population: int | None, level: float) -> _Draws:
    t = np.arange(1, len(x) + 1)
    before = np.cumsum(x) - x
    unseen = np.full(len(x), np.inf) if population is None else population - t + 1.0
    slope = np.ones(len(x)) if population is None else population / unseen
    guess = (0.5 + before) / t
    mean = (0.5 + before + x) / (t + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    variance_before = np.concatenate([[0.25], variance[:-1]])
    bold = np.sqrt(2 * np.log(2 / (1 - level)) / variance_before)
    return _Draws(x, slope, before / unseen, guess, bold)


def _betting(draws: _Draws, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends [items] from hedged capital (2010.09686, sections 4 and 5): the means against which no bettor grew rich.

    Half of the capital bets that the mean is above a candidate, half that it is below. The first half's wealth falls
    as the candidate rises and the second's grows, so each end is a single threshold. A grid of candidates covers the
    interval that is left; it is refined at a few fixed times, and ends are rounded outwards to a grid point.

    Each half is split among bettors who play for different numbers of items, as the paper does for a fixed number. The
    single schedule of bets that it proposes for all numbers gives intervals a fifth to two fifths longer at 2,000
    items. Bets grow with the slope: they are constant in the time of `asymptotic_half_length`.
    """
    n = len(draws.x)
    lows, highs = np.zeros(n), np.ones(n)
    low, high = 0.0, 1.0
    enough = 2 / (1 - level) * len(BETS)
    for start, stop in _stretches(n, draws.slope):
        grid = np.linspace(low, high, GRID)
        above, below = np.ones((2, len(BETS), GRID))
        for rows in _rows(0, start):
            gain_above, gain_below = _gains(draws, rows, grid)
            above = np.minimum(above * gain_above.prod(axis=0), RICH)
            below = np.minimum(below * gain_below.prod(axis=0), RICH)
        for rows in _rows(start, stop):
            gain_above, gain_below = _gains(draws, rows, grid)
            wealth_above = above * np.cumprod(gain_above, axis=0)
            wealth_below = below * np.cumprod(gain_below, axis=0)
            above, below = np.minimum(wealth_above[-1], RICH), np.minimum(wealth_below[-1], RICH)
            too_low = np.count_nonzero(wealth_above.sum(axis=1) >= enough, axis=1)
            too_high = np.count_nonzero(wealth_below.sum(axis=1) >= enough, axis=1)
            lows[rows] = grid[np.maximum(too_low - 1, 0)]
            highs[rows] = grid[GRID - np.maximum(too_high, 1)]
        low, high = max(low, float(lows[start:stop].max())), min(high, float(highs[start:stop].min()))
        if low >= high:
            lows[stop:], highs[stop:] = low, high
            break
    return lows, highs


def _gains(draws: _Draws, rows: slice, grid: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Growth factors [rows, bettors, grid] from betting that the mean is above each candidate, and below it."""
    items, stakes = np.array(BETS).T[:, :, None]
    bet = (draws.slope * draws.bold)[rows, None, None] / np.sqrt(items)
    expected = np.clip(draws.slope[rows, None] * grid - draws.shift[rows, None], 0, 1)[:, None]
    surprise = draws.x[rows, None, None] - expected
    above = 1 + np.minimum(bet, stakes / np.maximum(expected, NEAR_BOUND)) * surprise
    below = 1 - np.minimum(bet, stakes / np.maximum(1 - expected, NEAR_BOUND)) * surprise
    return above, below


def _stretches(n: int, slope: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Stretches of items that share a grid: they end after 2, 4, 8 ... items, or when 1/4, 1/16 ... remain unseen."""
    ends = {2**k for k in range(1, 40)} | {int(np.searchsorted(slope, 4.0**k)) for k in range(1, 5)} | {n}
    edges = [0, *sorted(end for end in ends if 0 < end <= n)]
    return pairwise(edges)


def _rows(start: int, stop: int) -> Iterator[slice]:
    return (slice(row, min(row + ROWS, stop)) for row in range(start, stop, ROWS))


def _empirical_bernstein(draws: _Draws, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends [items] of the predictable-mixture empirical Bernstein sequence (2010.09686, sections 3 and 5)."""
    t = np.arange(1, len(draws.x) + 1)
    bet = np.minimum(draws.slope * draws.bold / np.sqrt(t * np.log(t + 1)), 0.5)
    weight = np.cumsum(bet * draws.slope)
    centre = np.cumsum(bet * (draws.x + draws.shift)) / weight
    spread = np.cumsum((draws.x - draws.guess) ** 2 * (-np.log1p(-bet) - bet))
    radius = (np.log(2 / (1 - level)) + spread) / weight
    return np.maximum(centre - radius, 0), np.minimum(centre + radius, 1)


_ENDS = {"betting": _betting, "empirical Bernstein": _empirical_bernstein}


def _frozen(lows: NDArray[np.float64], highs: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ends, constant from where they would cross: the mean was missed before, and nothing more can be learnt."""
    crossed = lows > highs
    if crossed.any():
        first = int(crossed.argmax())
        lows[first:], highs[first:] = lows[first - 1], highs[first - 1]
    return lows, highs


def _independent(items: int, population: int | None) -> float:
    """How many independent items are as informative as this many of the population."""
    return float(items) if population is None else items / (1 - items / population)


def _check_values(x: NDArray[np.float64], bounds: tuple[float, float]) -> None:
    low, high = bounds
    if not low < high:
        raise ValueError(f"the lower bound must be below the upper one (got {low} and {high})")
    if x.ndim != 1 or not len(x):
        raise ValueError(f"values must be one-dimensional with at least one item (got shape {x.shape})")
    outside = ~((x >= low) & (x <= high))
    if outside.any():
        first = int(outside.argmax())
        raise ValueError(f"value {first} is {x[first]}, outside the bounds {low} and {high}")


def _check_look(look: int, seen: int, population: int | None) -> None:
    if look > seen or (population is not None and seen > population):
        raise ValueError(f"a look at {look} items of {seen} seen in a population of {population} is not possible")
    left = math.inf if population is None else population - look
    if left and not (look >= FIRST_LOOK and left >= FIRST_LOOK):
        raise ValueError(
            f"a look must come after at least {FIRST_LOOK} items and leave at least {FIRST_LOOK} or none unseen "
            f"(got {look}, leaving {left})"
        )
