"""Mask plans: which units are kept in each perturbation of an item, drawn without looking at any model.

A plan has two independent halves, so that a product of two estimates, one from each half, carries no noise bias.
Within a half masks come in complementary pairs and differ from one another, and every size (number of units kept) is
wanted equally often: the leverage scores of Shapley regression (Musco and Witter 2025) and, but for the sizes 0 and n,
the sizes that LIME draws. So one plan serves both. A mask that both halves drew is asked once.

Where all 2^n masks cost no more than the budget, both halves are all of them and nothing is left to chance.
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

MASKS = 128
FEWEST = 10
"""Fewer masks leave a half without the two pairs that a spread needs."""


@dataclass(frozen=True)
class Plan:
    """The masks of one item.

    masks: bool [masks, units], all different; the first keeps every unit, the second none.
    halves: rows of ``masks`` [pairs, 2] that each half drew, a mask beside its complement.
    expected: how many masks of each size 0..units a half expects to draw, per half [units + 1]: what importance
    weights divide by.
    exact: whether these are all masks there are.
    """

    masks: NDArray[np.bool_]
    halves: tuple[NDArray[np.int64], NDArray[np.int64]]
    expected: NDArray[np.float64]
    exact: bool

    def __len__(self) -> int:
        return len(self.masks)

    @property
    def units(self) -> int:
        """Number of units."""
        return int(self.masks.shape[1])

    @property
    def both(self) -> NDArray[np.int64]:
        """Rows of ``masks`` [pairs, 2] that the whole plan drew; of an exact plan its only half."""
        return self.halves[0] if self.exact else np.concatenate(self.halves)

    @property
    def unseen(self) -> NDArray[np.float64]:
        """Expected share of the masks of each size 0..units that a half does not draw [units + 1]."""
        return 1 - self.expected / _there(self.units)

    def first(self, masks: int) -> tuple[Plan, NDArray[np.int64]]:
        """The plan's beginning, a plan of at most ``masks`` masks itself, and which of this plan's rows it holds.

        Each half keeps the first pairs it drew of every size, so a longer beginning holds all of a shorter one.
        """
        if self.exact or masks >= len(self):
            return self, np.arange(len(self))
        wanted = allocation(self.units, max((masks - 2) // 4, 1))
        counts = _rounded(wanted, 0.5)
        size = self.masks.sum(axis=1)
        halves = []
        for half in self.halves:
            smaller = np.minimum(size[half[:, 0]], size[half[:, 1]])
            place = np.zeros(len(half), dtype=np.int64)
            for s in np.unique(smaller):
                place[smaller == s] = np.arange(np.count_nonzero(smaller == s))
            halves.append(half[place < counts[smaller - 1]])
        rows = np.unique(np.concatenate([[0, 1], halves[0].ravel(), halves[1].ravel()]))
        new = np.empty(len(self), dtype=np.int64)
        new[rows] = np.arange(len(rows))
        at = (new[halves[0]], new[halves[1]])
        return Plan(self.masks[rows], at, _by_size(self.units, np.maximum(counts, 1e-9)), exact=False), rows

    def content(self) -> str:
        """SHA-256 of the masks and halves."""
        digest = hashlib.sha256(f"{self.masks.shape}".encode())
        digest.update(np.packbits(self.masks).tobytes())
        for half in self.halves:
            digest.update(half.astype("<i8").tobytes())
        return digest.hexdigest()


def mask_plan(item: str, units: int, *, masks: int = MASKS, seed: int = 0, round_: int = 0) -> Plan:
    """The plan of an item with this many units, of at most ``masks`` masks; drawn from (seed, item, round) alone."""
    if masks < FEWEST:
        raise TrusteqError(f"{masks} masks an item are too few to explain anything; ask for {FEWEST} or more")
    if units < 1:
        raise TrusteqError(f"item {item!r} has no unit to leave out; drop it, or cut it with another rule")
    if 2**units <= masks:
        return _all_masks(units)
    pairs = (masks - 2) // 4
    wanted = allocation(units, pairs)
    drawn = []
    for half in (0, 1):
        key = hashlib.sha256(f"{seed}\x00{round_}\x00{half}\x00{item}".encode()).digest()
        rng = np.random.default_rng(np.frombuffer(key, dtype="<u4"))
        drawn.append(_draw(rng, units, wanted))
    firsts = np.concatenate(drawn)
    rows = np.concatenate([np.ones((1, units), bool), np.zeros((1, units), bool), firsts, ~firsts])
    masks_, place = distinct(rows)
    count = len(firsts)
    at = np.stack([place[2 : 2 + count], place[2 + count :]], axis=1)
    return Plan(masks_, (at[: len(drawn[0])], at[len(drawn[0]) :]), _by_size(units, wanted), exact=False)


@lru_cache(maxsize=4096)
def _there(units: int) -> NDArray[np.float64]:
    """Masks there are of each size 0..units, counted up to 2^60: nobody asks for more, and no float overflows."""
    there = np.full(units + 1, 2.0**60)
    size, count = 0, 1
    while size <= units // 2 and count < 2**60:
        there[[size, units - size]] = count
        count = count * (units - size) // (size + 1)
        size += 1
    return there


@lru_cache(maxsize=4096)
def _cached_allocation(units: int, pairs: int) -> tuple[float, ...]:
    half = units // 2
    there = _there(units)[1 : half + 1].copy()
    share = np.full(half, 2.0)
    if units % 2 == 0:
        there[-1] /= 2
        share[-1] = 1.0
    wanted = np.zeros(half)
    full = np.zeros(half, dtype=np.bool_)
    while True:
        left = pairs - there[full].sum()
        if full.all() or left <= 0:
            break
        wanted = np.where(full, there, left * share / share[~full].sum())
        over = ~full & (wanted >= there)
        if not over.any():
            break
        full |= over
        wanted = np.where(full, there, wanted)
    return tuple(float(x) for x in wanted)


def allocation(units: int, pairs: int) -> NDArray[np.float64]:
    """Expected number of pairs whose smaller side keeps 1, 2, .. units // 2 units [units // 2].

    The same for every size of a mask, but never more than there are; what is left goes to the other sizes.
    """
    return np.array(_cached_allocation(units, pairs))


def _by_size(units: int, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected masks of each size 0..units in one half, full and empty counted once."""
    expected = np.zeros(units + 1)
    for size, count in enumerate(wanted, 1):
        expected[size] += count
        expected[units - size] += count
    expected[[0, units]] = 1.0
    return expected


def _draw(rng: np.random.Generator, units: int, wanted: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Smaller sides of distinct pairs [pairs, units], about ``wanted`` of each size."""
    counts = _rounded(wanted, rng.random())
    found: list[NDArray[np.bool_]] = []
    for size, count in enumerate(counts, 1):
        if count:
            found.append(_distinct_subsets(rng, units, size, int(count)))
    return np.concatenate(found)


def _rounded(wanted: NDArray[np.float64], offset: float) -> NDArray[np.int64]:
    """Systematic sampling: whole numbers that differ from their expectations by less than one."""
    ends = np.floor(np.concatenate([[0.0], np.cumsum(wanted)]) + offset + 1e-9)
    return np.diff(ends).astype(np.int64)


def _distinct_subsets(rng: np.random.Generator, units: int, size: int, count: int) -> NDArray[np.bool_]:
    """Distinct subsets of this size, no one the complement of another [count, units]."""
    middle = 2 * size == units
    there = int(_there(units)[size]) // (2 if middle else 1)
    if there <= 2 * count + 8:
        every = _subsets(units, size)
        every = every[every[:, 0]] if middle else every
        return every[rng.permutation(len(every))[: min(count, len(every))]]
    found = np.zeros((0, units), dtype=np.bool_)
    while len(found) < count:
        more = rng.random((count - len(found), units)).argpartition(size - 1, axis=1)[:, :size]
        rows = np.zeros((len(more), units), dtype=np.bool_)
        np.put_along_axis(rows, more, True, axis=1)
        if middle:
            rows ^= ~rows[:, :1]  # a pair of equal halves is named by the one that holds the first unit
        found = distinct(np.concatenate([found, rows]))[0]
    return found


@lru_cache(maxsize=256)
def _subsets(units: int, size: int) -> NDArray[np.bool_]:
    rows = np.zeros((comb(units, size), units), dtype=np.bool_)
    for row, chosen in zip(rows, combinations(range(units), size), strict=True):
        row[list(chosen)] = True
    return rows


def distinct(rows: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The different rows in order of first appearance, and each row's place among them."""
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
    # Of codes 1..2^n - 2, the first half holds one of each pair.
    place = np.empty(len(codes), dtype=np.int64)
    place[order] = np.arange(len(codes))
    firsts = codes[1 : 2 ** (units - 1)]
    half = np.stack([place[firsts], place[len(codes) - 1 - firsts]], axis=1)
    expected = _there(units).copy()
    for shared in (masks, half, expected):
        shared.flags.writeable = False
    return Plan(masks, (half, half), expected, exact=True)
