"""Mask plans: which units are kept in each changed version of an item, independent of any model.

A plan has two independent halves, so that a product of two estimates, one from each half, has no noise bias.
Within a half, masks are complementary pairs and all different, and every size (number of kept units) is equally
likely: the leverage scores of Shapley regression (Musco and Witter 2025) and, except for the sizes 0 and n, the sizes
that LIME draws. So one plan serves both. A mask drawn by both halves is used only once.

If all 2^n masks are within the budget, both halves consist of all of them and nothing is random.

Where something drawn stands in for the units left out, such as a row of a background, every pair of masks has its own
draw, which its two masks share. The halves then share none: a mask that both draw is used twice, and if all masks are
within the budget, both halves repeat all of them with other draws. What is drawn is noise like that of the masks, and
averages out with it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from trusteq.errors import TrusteqError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Halves = tuple[NDArray[np.int64], NDArray[np.int64]]

MASKS = 128
MIN_MASKS = 10
"""With fewer masks, a half lacks the two pairs that a standard error needs."""
NOTHING_KEPT = 8
"""How many times the mask that keeps nothing is repeated where something drawn stands in for units left out."""
MOSTLY_UNSEEN = 0.95
"""The share of a size's masks that a half must leave out for its draws to be as good as independent."""

_EXCHANGED = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0]], dtype=np.bool_)
"""By cut, which pairs are exchanged, in turn: the negative entries of a Hadamard matrix of order 4."""


@dataclass(frozen=True)
class Plan:
    """The masks of one item.

    masks: bool [masks, units], all different unless something is drawn; the first keeps every unit, the second none.
    halves: rows of ``masks`` [pairs, 2] in each half, a mask with its complement.
    expected: the expected number of masks of each size 0..units in a half [units + 1], by which importance weights
    divide.
    exact: whether these are all possible masks, and nothing is drawn.
    drawn: the number of what stands in for the units that each mask leaves out [masks]; None if nothing is drawn.
    """

    masks: NDArray[np.bool_]
    halves: Halves
    expected: NDArray[np.float64]
    exact: bool
    drawn: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.masks)

    @property
    def units(self) -> int:
        """Number of units."""
        return int(self.masks.shape[1])

    @property
    def both(self) -> NDArray[np.int64]:
        """Rows of ``masks`` [pairs, 2] of both halves; for an exact plan, whose halves are equal, of one."""
        return self.halves[0] if self.exact else np.concatenate(self.halves)

    @property
    def nothing(self) -> NDArray[np.int64]:
        """The rows of ``masks`` that keep no unit."""
        return np.arange(1, 2 if self.drawn is None else 1 + NOTHING_KEPT)

    @property
    def unseen(self) -> NDArray[np.float64]:
        """The expected share of all masks of each size 0..units that a half does not draw [units + 1]."""
        return 1 - self.expected / _possible_masks(self.units)

    @property
    def uncertain(self) -> NDArray[np.float64]:
        """By which share of its variance each size 0..units makes attributions uncertain [units + 1].

        Of what is drawn, even all masks are a sample.
        """
        return self.unseen if self.drawn is None else np.ones(self.units + 1)

    def first(self, masks: int) -> tuple[Plan, NDArray[np.int64]]:
        """The plan's first masks as a plan of at most ``masks`` masks, and their rows in this plan.

        Each half keeps the first pairs that it drew of every size, so a larger plan contains all of a smaller one.
        """
        if self.exact or masks >= len(self) or (self.drawn is not None and self.unseen.max() < 1e-9):
            return self, np.arange(len(self))
        sizes = allocation(self.units, max((masks - 2) // 4, 1))
        counts = _rounded(sizes, 0.5)
        size = self.masks.sum(axis=1)
        halves = []
        for half in self.halves:
            smaller = np.minimum(size[half[:, 0]], size[half[:, 1]])
            rank = np.zeros(len(half), dtype=np.int64)
            for s in np.unique(smaller):
                rank[smaller == s] = np.arange(np.count_nonzero(smaller == s))
            halves.append(half[rank < counts[smaller - 1]])
        rows = np.unique(np.concatenate([[0], self.nothing, halves[0].ravel(), halves[1].ravel()]))
        position = np.empty(len(self), dtype=np.int64)
        position[rows] = np.arange(len(rows))
        pairs = (position[halves[0]], position[halves[1]])
        expected, drawn = _by_size(self.units, np.maximum(counts, 1e-9)), self.drawn
        return Plan(self.masks[rows], pairs, expected, exact=False, drawn=None if drawn is None else drawn[rows]), rows

    def splits(self) -> tuple[Halves, ...]:
        """The plan's halves, and three further ways to cut the same pairs into halves as independent as these.

        A product of two estimates from halves leaves out what two pairs of the same half have in common. The mean over
        cuts leaves out little: pairs are exchanged between the halves by the rows of a Hadamard matrix, so that any two
        are apart in as many cuts as together (balanced half-samples, McCarthy 1969). Only pairs of the same sizes are
        exchanged, and only of sizes of which a half sees few masks: a half draws them without replacement, and two such
        draws are not independent.
        """
        if self.exact:
            return (self.halves,)
        first, second = self.halves
        at, other = self._exchangeable()
        cuts = [self.halves]
        for signs in _EXCHANGED:
            some = signs[np.arange(len(at)) % len(signs)]
            a, b = first.copy(), second.copy()
            a[at[some]], b[other[some]] = second[other[some]], first[at[some]]
            cuts.append((a, b))
        return tuple(cuts)

    def _exchangeable(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The positions in the first and in the second half of pairs that may be exchanged for each other."""
        sizes = [self.masks[half].sum(axis=2).min(axis=1) for half in self.halves]
        at, other = [], []
        for size in np.flatnonzero(self.unseen >= MOSTLY_UNSEEN):
            here, there = (np.flatnonzero(of == size) for of in sizes)
            count = min(len(here), len(there))
            at.append(here[:count])
            other.append(there[:count])
        return np.concatenate([np.empty(0, np.int64), *at]), np.concatenate([np.empty(0, np.int64), *other])

    def content(self) -> str:
        """SHA-256 of the masks, the halves and what is drawn."""
        digest = hashlib.sha256(f"{self.masks.shape}".encode())
        digest.update(np.packbits(self.masks).tobytes())
        for numbers in (*self.halves, *(() if self.drawn is None else (self.drawn,))):
            digest.update(numbers.astype("<i8").tobytes())
        return digest.hexdigest()


def mask_plan(
    item: str, units: int, *, masks: int = MASKS, seed: int = 0, round_: int = 0, background: int = 0
) -> Plan:
    """The plan of an item with this many units and at most ``masks`` masks; it depends only on (seed, item, round).

    background: among how many things each pair draws what stands in for units left out; 0 if nothing is drawn.
    """
    if masks < MIN_MASKS:
        raise TrusteqError(f"{masks} masks per item are too few; use {MIN_MASKS} or more")
    if units < 1:
        raise TrusteqError(f"item {item!r} has no unit to leave out; drop it, or use other units")
    if background:
        return _with_background(item, units, masks, background, seed, round_)
    if 2**units <= masks:
        return _all_masks(units)
    pairs = (masks - 2) // 4
    sizes = allocation(units, pairs)
    drawn = [_draw(_random(item, seed, round_, half), units, sizes) for half in (0, 1)]
    firsts = np.concatenate(drawn)
    rows = np.concatenate([np.ones((1, units), bool), np.zeros((1, units), bool), firsts, ~firsts])
    distinct_masks, position = distinct(rows)
    count = len(firsts)
    pairs_ = np.stack([position[2 : 2 + count], position[2 + count :]], axis=1)
    halves = (pairs_[: len(drawn[0])], pairs_[len(drawn[0]) :])
    return Plan(distinct_masks, halves, _by_size(units, sizes), exact=False)


def _random(item: str, seed: int, round_: int, half: int) -> np.random.Generator:
    """Random numbers that depend on these alone."""
    key = hashlib.sha256(f"{seed}\x00{round_}\x00{half}\x00{item}".encode()).digest()
    return np.random.default_rng(np.frombuffer(key, dtype="<u4"))


def _with_background(item: str, units: int, masks: int, background: int, seed: int, round_: int) -> Plan:
    """A plan whose pairs draw one of a background's rows each, the halves independently."""
    pairs = max((masks - 1 - NOTHING_KEPT) // 4, 2)
    every = 2 ** (units - 1) - 1 if units < 32 else pairs + 1
    sizes = allocation(units, min(pairs, every))
    repeats = max(1, pairs // every) if every else 0
    masks_of, drawn_of = [], []
    for half in (0, 1):
        rng = _random(item, seed, round_, half)
        firsts = _all_masks(units).masks[_all_masks(units).halves[0][:, 0]] if every <= pairs else None
        firsts = _draw(rng, units, sizes) if firsts is None else np.tile(firsts, (repeats, 1))
        masks_of.append(firsts)
        drawn_of.append(rng.integers(background, size=len(firsts)))
    empty = _random(item, seed, round_, 2).integers(background, size=1 + NOTHING_KEPT)
    first = np.concatenate(masks_of)
    rows = np.concatenate(
        [np.ones((1, units), bool), np.zeros((NOTHING_KEPT, units), bool), np.repeat(first, 2, axis=0)]
    )
    rows[2 + NOTHING_KEPT :: 2] ^= True
    drawn = np.concatenate([empty, np.repeat(np.concatenate(drawn_of), 2)])
    pairs_ = 1 + NOTHING_KEPT + np.arange(2 * len(first), dtype=np.int64).reshape(-1, 2)
    halves = (pairs_[: len(masks_of[0])], pairs_[len(masks_of[0]) :])
    return Plan(rows, halves, _by_size(units, sizes * max(repeats, 1)), exact=False, drawn=drawn)


@lru_cache(maxsize=4096)
def _possible_masks(units: int) -> NDArray[np.float64]:
    """The number of possible masks of each size 0..units, limited to 2^60 to avoid overflow."""
    possible = np.full(units + 1, 2.0**60)
    size, count = 0, 1
    while size <= units // 2 and count < 2**60:
        possible[[size, units - size]] = count
        count = count * (units - size) // (size + 1)
        size += 1
    return possible


@lru_cache(maxsize=4096)
def _cached_allocation(units: int, pairs: int) -> tuple[float, ...]:
    half = units // 2
    possible = _possible_masks(units)[1 : half + 1].copy()
    share = np.full(half, 2.0)
    if units % 2 == 0:
        possible[-1] /= 2
        share[-1] = 1.0
    expected = np.zeros(half)
    full = np.zeros(half, dtype=np.bool_)
    while True:
        remaining = pairs - possible[full].sum()
        if full.all() or remaining <= 0:
            break
        expected = np.where(full, possible, remaining * share / share[~full].sum())
        over = ~full & (expected >= possible)
        if not over.any():
            break
        full |= over
        expected = np.where(full, possible, expected)
    return tuple(float(x) for x in expected)


def allocation(units: int, pairs: int) -> NDArray[np.float64]:
    """The expected number of pairs whose smaller mask keeps 1, 2, .. units // 2 units [units // 2].

    The same for every size, but never more than possible; the remainder goes to the other sizes.
    """
    return np.array(_cached_allocation(units, pairs))


def _by_size(units: int, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The expected number of masks of each size 0..units in a half; full and empty count once."""
    expected = np.zeros(units + 1)
    for size, count in enumerate(sizes, 1):
        expected[size] += count
        expected[units - size] += count
    expected[[0, units]] = 1.0
    return expected


def _draw(rng: np.random.Generator, units: int, sizes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The smaller masks of distinct pairs [pairs, units], about ``sizes`` of each size."""
    counts = _rounded(sizes, rng.random())
    masks: list[NDArray[np.bool_]] = []
    for size, count in enumerate(counts, 1):
        if count:
            masks.append(_distinct_subsets(rng, units, size, int(count)))
    return np.concatenate(masks)


def _rounded(expected: NDArray[np.float64], offset: float) -> NDArray[np.int64]:
    """Whole numbers that differ from their expectations by less than one (systematic sampling)."""
    ends = np.floor(np.concatenate([[0.0], np.cumsum(expected)]) + offset + 1e-9)
    return np.diff(ends).astype(np.int64)


def _distinct_subsets(rng: np.random.Generator, units: int, size: int, count: int) -> NDArray[np.bool_]:
    """Distinct subsets of this size, none the complement of another [count, units]."""
    middle = 2 * size == units
    possible = int(_possible_masks(units)[size]) // (2 if middle else 1)
    if possible <= 2 * count + 8:
        every = _subsets(units, size)
        every = every[every[:, 0]] if middle else every
        return every[rng.permutation(len(every))[: min(count, len(every))]]
    subsets = np.zeros((0, units), dtype=np.bool_)
    while len(subsets) < count:
        more = rng.random((count - len(subsets), units)).argpartition(size - 1, axis=1)[:, :size]
        rows = np.zeros((len(more), units), dtype=np.bool_)
        np.put_along_axis(rows, more, True, axis=1)
        if middle:
            rows ^= ~rows[:, :1]  # of two subsets of half the units, the one with the first unit stands for the pair
        subsets = distinct(np.concatenate([subsets, rows]))[0]
    return subsets


@lru_cache(maxsize=256)
def _subsets(units: int, size: int) -> NDArray[np.bool_]:
    rows = np.zeros((comb(units, size), units), dtype=np.bool_)
    for row, chosen in zip(rows, combinations(range(units), size), strict=True):
        row[list(chosen)] = True
    return rows


def distinct(rows: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The distinct rows in order of first appearance, and each row's position among them."""
    packed = np.packbits(rows, axis=1)
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rows[first[order]], rank[inverse]


@lru_cache(maxsize=64)
def _all_masks(units: int) -> Plan:
    codes = np.arange(2**units, dtype=np.int64)
    masks = (codes[:, None] >> np.arange(units)) & 1 == 1
    order = np.concatenate([[len(codes) - 1, 0], codes[1:-1]])
    masks = masks[order]
    # The first half of the codes 1..2^n - 2 has one of each pair.
    position = np.empty(len(codes), dtype=np.int64)
    position[order] = np.arange(len(codes))
    firsts = codes[1 : 2 ** (units - 1)]
    half = np.stack([position[firsts], position[len(codes) - 1 - firsts]], axis=1)
    expected = _possible_masks(units).copy()
    for shared in (masks, half, expected):
        shared.flags.writeable = False
    return Plan(masks, (half, half), expected, exact=True)
