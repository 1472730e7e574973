"""The words that one model leans on and the other does not, over all explained items: what exposes a shortcut.

A model's *lean* on a word is its squared attribution there, relative to its mean square over all units: 1 is as much
as an average word. Squares come from products of two independent halves of the mask plan, so noise does not add to
them. The *signed* lean is the attribution itself, relative to the root mean square of an average item: above 0 the word
speaks for the explained label. (Relative to that of all units, a model whose items differ more in size would seem to
lean less on every word of one sign.) A word's occurrences are averaged within an item, items within a cluster; these
values are the sample.

Two models may spread their weight over items unlike each other without any word being special: one answers a few
items with large attributions and is flat on the rest. Then most items show less of every word, a rare one much more,
and with few items any test takes that skewness for a difference. So leans are compared as if both models had given
the items' *other* words the same (a ratio estimator's residual, Cochran 1977, chapter 6). Under equal leans the
adjusted difference still averages 0. Both tests are Student's t of the differences: heavy tails make it conservative,
and it keeps its level where a sign-flip test, which needs symmetry, does not (`bench/words.py`).

The two p-values of a word are joined by Bonferroni, the words by Benjamini and Hochberg. Words of one item depend on
each other in no known way; by simulation the rate of false discoveries holds all the same, and the correction for any
dependence (Benjamini and Yekutieli) would ask for p-values five to ten times smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from trusteq.compare.padded_arrays import check, inside, ratio, total
from trusteq.stats.coded import coded
from trusteq.stats.estimate import LEVEL, Estimate
from trusteq.stats.multiplicity import benjamini_hochberg
from trusteq.stats.number import Count, Number  # noqa: TC001 - read where a record is

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Halves = tuple[NDArray[np.float64], NDArray[np.float64]]

MIN_ITEMS = 8
ROUNDING = 1e-9
"""A mean difference below this share of the values it is taken of is rounding."""


@dataclass(frozen=True)
class WordLean:
    """How both models lean on one word, and how sure it is that they differ.

    Leans are as measured; differences are candidate minus reference, that of leans adjusted for the items' other
    words. Their n counts the items, or clusters, that are independent, and their intervals are each word's own.
    ``p_value`` is for either difference, ``q_value`` over all tested words.
    """

    word: str
    items: Count
    occurrences: Count
    lean_reference: Number
    lean_candidate: Number
    lean_difference: Estimate
    signed_reference: Number
    signed_candidate: Number
    signed_difference: Estimate
    p_lean: Number
    p_signed: Number
    p_value: Number
    q_value: Number


@dataclass(frozen=True)
class WordLeans:
    """The tested words, strongest evidence first, and how many words had too few items to be tested.

    A model's root mean square (negative for a negative mean square) is, squared, what lean 1 stands for; its size,
    that of an average item, is what signed lean 1 stands for. Where one is not positive, the model's two halves have
    nothing in common and no word is tested.
    """

    rows: list[WordLean]
    untested: int
    root_mean_square_reference: float
    root_mean_square_candidate: float
    size_reference: float
    size_candidate: float

    @property
    def tested(self) -> int:
        """How many words were tested, and corrected for."""
        return len(self.rows)


@dataclass(frozen=True)
class _Scaled:
    """Squared attributions relative to their mean, attributions relative to an average item's [items, units]."""

    square: NDArray[np.float64]
    signed: NDArray[np.float64]
    root_mean_square: float
    size: float


@dataclass(frozen=True)
class _Sample:
    """Independent values of words: one row an item (or cluster) with a word, rows of one word together.

    ``values`` [rows, 6]: squared attribution of reference and candidate, that of the item's other units, and the
    attribution, all relative; ``start`` [words] is each word's first row, ``n`` [words] its number of rows.
    """

    values: NDArray[np.float64]
    start: NDArray[np.int64]
    n: NDArray[np.int64]

    def mean(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each word's mean of ``x`` [rows, ...]."""
        n = self.n.reshape(-1, *[1] * (x.ndim - 1))
        return np.asarray(np.add.reduceat(x, self.start, axis=0) / n)


def word_leans(
    words: Sequence[Sequence[str]],
    lengths: NDArray[np.int64],
    reference: Halves,
    candidate: Halves,
    *,
    clusters: Sequence[str] | None = None,
    min_items: int = MIN_ITEMS,
    level: float = LEVEL,
) -> WordLeans:
    """A `WordLean` for each word of at least ``min_items`` items (or clusters), whatever its case.

    words: each item's unit texts. lengths: [items]. reference, candidate: attributions [items, units] from two
    independent halves of every item's mask plan. clusters: items of one cluster are not independent [items].
    """
    check(lengths, *reference, *candidate)
    for number, (row, n) in enumerate(zip(words, lengths, strict=True)):
        if len(row) != n:
            raise ValueError(f"item {number} has {len(row)} words and attributions of {n} units; they must be as many")
    if clusters is not None and len(clusters) != len(lengths):
        raise ValueError(f"there must be one cluster an item; got {len(clusters)} for {len(lengths)} items")
    if min_items < 2:
        raise ValueError(f"a word must have at least 2 items to be tested; min_items is {min_items}")

    folded = [word.casefold() for row in words for word in row]
    vocabulary = sorted(set(folded))
    code = {word: i for i, word in enumerate(vocabulary)}
    of_unit = np.array([code[word] for word in folded], dtype=np.int64)
    scaled_a, scaled_b = _scaled(reference, lengths), _scaled(candidate, lengths)
    scales = (scaled_a.root_mean_square, scaled_b.root_mean_square, scaled_a.size, scaled_b.size)
    if not min(scales) > 0:
        return WordLeans([], len(vocabulary), *scales)

    item, at, inverse, times = _appearances(of_unit, lengths)
    there = inside(lengths, reference[0].shape[1])
    values = np.empty((len(at), 6))
    others = (lengths[item] - times).astype(np.float64)
    for column, of in enumerate((scaled_a, scaled_b)):
        here = np.bincount(inverse, weights=of.square[there])
        rest = np.where(others > 0, total(of.square)[item] - here, 0.0)
        values[:, column] = here / times
        values[:, 2 + column] = np.nan_to_num(ratio(rest, others))
        values[:, 4 + column] = np.bincount(inverse, weights=of.signed[there]) / times

    items = np.bincount(at, minlength=len(vocabulary))
    occurrences = np.bincount(of_unit, minlength=len(vocabulary))
    if clusters is not None:
        cluster = coded(clusters)[1][item]
        at, values = _averaged(at, cluster, values)
    enough = np.flatnonzero(np.bincount(at, minlength=len(vocabulary)) >= min_items)
    if not len(enough):
        return WordLeans([], len(vocabulary), *scales)
    sample = _sample(at, values, enough)

    raw_a, raw_b = sample.mean(sample.values[:, :2]).T
    lean_a, lean_b, difference = _leans(sample, largest=float(lengths.mean()))
    lean, p_lean = _student(difference, lean_b - lean_a, sample, what="lean on a word, adjusted", level=level)
    signed_a, signed_b = sample.mean(sample.values[:, 4:]).T
    difference = sample.values[:, 5] - sample.values[:, 4]
    signed, p_signed = _student(difference, signed_b - signed_a, sample, what="signed lean on a word", level=level)
    p = np.minimum(2 * np.minimum(p_lean, p_signed), 1.0)
    q = benjamini_hochberg(p.tolist())
    rows = [
        WordLean(
            vocabulary[word],
            int(items[word]),
            int(occurrences[word]),
            float(raw_a[i]),
            float(raw_b[i]),
            lean[i],
            float(signed_a[i]),
            float(signed_b[i]),
            signed[i],
            float(p_lean[i]),
            float(p_signed[i]),
            float(p[i]),
            q[i],
        )
        for i, word in enumerate(enough)
    ]
    rows.sort(key=lambda row: (row.p_value, -abs(row.lean_difference.value), row.word))
    return WordLeans(rows, len(vocabulary) - len(rows), *scales)


def _scaled(halves: Halves, lengths: NDArray[np.int64]) -> _Scaled:
    """A model's attributions without its scale."""
    # A power of two: exact, and the squares of very large or small attributions stay in the range of floats.
    exponent = int(np.frexp(max(float(np.abs(half).max(initial=0.0)) for half in halves))[1])
    first, second = (np.ldexp(half, -exponent) for half in halves)
    square = first * second
    of_item, units = total(square), max(int(lengths.sum()), 1)
    # Exact sums, so that the order of items cannot change how they round.
    mean = fsum(of_item) / units
    # A negative mean square is noise around 0; its root, taken with the sign, lets such noise cancel.
    size = fsum(np.sign(of_item) * np.sqrt(np.abs(of_item) * lengths)) / units
    return _Scaled(
        square / mean if mean > 0 else square,
        (first + second) / (2 * size) if size > 0 else first,
        float(np.ldexp(np.sign(mean) * np.sqrt(abs(mean)), exponent)),
        float(np.ldexp(size, exponent)),
    )


def _appearances(
    word: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Each word that an item has: the item, the word, the appearance of each unit [all units], and how many times."""
    item = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    key, inverse, times = np.unique(word * len(lengths) + item, return_inverse=True, return_counts=True)
    return key % len(lengths), key // len(lengths), inverse.reshape(-1), times


def _averaged(
    word: NDArray[np.int64], cluster: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The word and mean values of each pair of word and cluster."""
    order = np.lexsort((*values.T, cluster, word))
    word, cluster, values = word[order], cluster[order], values[order]
    start = np.flatnonzero(np.r_[True, (np.diff(word) != 0) | (np.diff(cluster) != 0)])
    n = np.diff(np.r_[start, len(word)])
    return word[start], np.add.reduceat(values, start, axis=0) / n[:, None]


def _sample(word: NDArray[np.int64], values: NDArray[np.float64], enough: NDArray[np.int64]) -> _Sample:
    """The rows of the words that have enough, in an order that does not depend on the order of items."""
    kept = np.isin(word, enough)
    word, values = word[kept], values[kept]
    order = np.lexsort((*values.T, word))
    start = np.searchsorted(word[order], enough)
    return _Sample(values[order], start, np.diff(np.r_[start, len(word)]))


def _leans(sample: _Sample, *, largest: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Adjusted leans of reference and candidate [words], and the difference in each row [rows].

    The slope is both models' lean on the word relative to its items' other units: what a unit of their size adds to
    the word's. Noise can make it negative or huge, so it is held to 0 up to ``largest``.
    """
    a, b, other_a, other_b = sample.mean(sample.values[:, :4]).T
    slope = np.zeros(len(a))
    np.divide(a + b, other_a + other_b, out=slope, where=other_a + other_b > 0)
    slope = np.clip(slope, 0.0, largest)
    half = slope * (other_b - other_a) / 2
    x = sample.values
    difference = x[:, 1] - x[:, 0] - np.repeat(slope, sample.n) * (x[:, 3] - x[:, 2])
    return a + half, b - half, difference


def _student(
    difference: NDArray[np.float64], mean: NDArray[np.float64], sample: _Sample, *, what: str, level: float
) -> tuple[list[Estimate], NDArray[np.float64]]:
    """Each word's mean difference with Student's interval, and the p-value [words] of its being 0.

    ``difference`` [rows]; ``mean`` [words] is their mean as the difference of the two models' figures.
    """
    deviation = difference - np.repeat(mean, sample.n)
    error = np.sqrt(sample.mean(np.square(deviation)) / (sample.n - 1))
    size = np.sqrt(sample.mean(np.square(sample.values)).max(axis=1))
    none = np.abs(mean) <= ROUNDING * size
    t = np.full(len(mean), np.inf)
    np.divide(np.abs(mean), error, out=t, where=error > 0)
    p = np.where(none, 1.0, 2 * special.stdtr(sample.n - 1, -t))
    reach = special.stdtrit(sample.n - 1, (1 + level) / 2) * error
    method = f"{what}, candidate minus reference; Student's t"
    estimates = [
        Estimate(float(m), float(m - r), float(m + r), int(n), method, level)
        for m, r, n in zip(mean, reach, sample.n, strict=True)
    ]
    return estimates, p
