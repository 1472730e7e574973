"""The words that one model relies on and the other does not, over all explained items: they reveal shortcuts.

A model's *lean* on a word is its squared attribution, relative to the mean square over all units: 1 for an average
word. Squares are products of two independent halves of the mask plan, so noise does not add to them. The *signed* lean
is the attribution itself, relative to the root mean square of an average item: above 0, the word supports the explained
label. (Relative to the root mean square of all units, a model whose items differ more in size would seem to lean less
on every word of one sign.) A word's occurrences are averaged within an item, and items within a cluster; these values
are the sample.

Two models may distribute their weight differently over items without any word being special: one has large attributions
for a few items and small ones for the rest. Then most items show less of every word and a few much more, and with few
items any test would take that skewness for a difference. So leans are compared as if both models had given the same
weight to the items' *other* words (the residual of a ratio estimator, Cochran 1977, chapter 6). Under equal leans, the
adjusted difference still averages 0. Both tests are Student's t of the differences: heavy tails make it conservative,
and it keeps its level where a sign-flip test, which needs symmetry, does not (`bench/words.py`).

The two p-values of a word are combined by Bonferroni, and words by Benjamini and Hochberg. How words of an item depend
on each other is unknown; in simulations the false discovery rate holds anyway, and the correction for any dependence
(Benjamini and Yekutieli) would need p-values five to ten times smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING

import numpy as np
import scipy

from trusteq.comparing.padded_arrays import check, inside, ratio, total
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
"""A mean difference below this share of the values themselves is due to rounding."""


@dataclass(frozen=True)
class WordLean:
    """How much both models lean on a word, and the evidence that they differ.

    Leans are as measured; differences are candidate minus reference, that of leans adjusted for the items' other
    words. Their n is the number of independent items or clusters; their intervals are not corrected for the number of
    words. ``p_value`` is for either difference, ``q_value`` is corrected over all tested words.
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
    """The tested words, strongest evidence first, and the number of words with too few items to be tested.

    The square of a model's root mean square (negative for a negative mean square) corresponds to lean 1; its size, the
    root mean square of an average item, to signed lean 1. If one of them is not positive, the model's two halves have
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
        """The number of tested words, for which p-values are corrected."""
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
    """Independent values of words: one row per item (or cluster) with a word, rows of the same word together.

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
    """A `WordLean` for each word, ignoring case, of at least ``min_items`` items (or clusters).

    words: each item's unit texts. lengths: [items]. reference, candidate: attributions [items, units] from two
    independent halves of every item's mask plan. clusters: items of one cluster are not independent [items].
    """
    check(lengths, *reference, *candidate)
    for number, (row, n) in enumerate(zip(words, lengths, strict=True)):
        if len(row) != n:
            raise ValueError(
                f"item {number} has {len(row)} words but attributions of {n} units; the numbers must match"
            )
    if clusters is not None and len(clusters) != len(lengths):
        raise ValueError(f"give one cluster per item; got {len(clusters)} for {len(lengths)} items")
    if min_items < 2:
        raise ValueError(f"a word must have at least 2 items to be tested; min_items is {min_items}")

    folded = [text.casefold() for row in words for text in row]
    vocabulary = sorted(set(folded))
    codes = {text: code for code, text in enumerate(vocabulary)}
    of_unit = np.array([codes[text] for text in folded], dtype=np.int64)
    scaled_a, scaled_b = _scaled(reference, lengths), _scaled(candidate, lengths)
    scales = (scaled_a.root_mean_square, scaled_b.root_mean_square, scaled_a.size, scaled_b.size)
    if not min(scales) > 0:
        return WordLeans([], len(vocabulary), *scales)

    item, word, inverse, times = _appearances(of_unit, lengths)
    is_unit = inside(lengths, reference[0].shape[1])
    values = np.empty((len(word), 6))
    others = (lengths[item] - times).astype(np.float64)
    for column, model in enumerate((scaled_a, scaled_b)):
        on_word = np.bincount(inverse, weights=model.square[is_unit])
        rest = np.where(others > 0, total(model.square)[item] - on_word, 0.0)
        values[:, column] = on_word / times
        values[:, 2 + column] = np.nan_to_num(ratio(rest, others))
        values[:, 4 + column] = np.bincount(inverse, weights=model.signed[is_unit]) / times

    items = np.bincount(word, minlength=len(vocabulary))
    occurrences = np.bincount(of_unit, minlength=len(vocabulary))
    if clusters is not None:
        cluster = coded(clusters)[1][item]
        word, values = _averaged(word, cluster, values)
    enough = np.flatnonzero(np.bincount(word, minlength=len(vocabulary)) >= min_items)
    if not len(enough):
        return WordLeans([], len(vocabulary), *scales)
    sample = _sample(word, values, enough)

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
            vocabulary[code],
            int(items[code]),
            int(occurrences[code]),
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
        for i, code in enumerate(enough)
    ]
    rows.sort(key=lambda row: (row.p_value, -abs(row.lean_difference.value), row.word))
    return WordLeans(rows, len(vocabulary) - len(rows), *scales)


def _scaled(halves: Halves, lengths: NDArray[np.int64]) -> _Scaled:
    """A model's attributions, independent of its scale."""
    # A power of two is exact and keeps the squares of very large or small attributions within the range of floats.
    exponent = int(np.frexp(max(float(np.abs(half).max(initial=0.0)) for half in halves))[1])
    first, second = (np.ldexp(half, -exponent) for half in halves)
    square = first * second
    of_item, units = total(square), max(int(lengths.sum()), 1)
    # Exact sums, so that the order of items cannot change the rounding.
    mean = fsum(of_item) / units
    # A negative mean square is noise around 0; a root with that sign lets such noise cancel out.
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
    """For each distinct word of an item: item, word, position of each unit's [all units], and number of times."""
    item = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    key, inverse, times = np.unique(word * len(lengths) + item, return_inverse=True, return_counts=True)
    return key % len(lengths), key // len(lengths), inverse.reshape(-1), times


def _averaged(
    word: NDArray[np.int64], cluster: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The word and the mean values of each pair of word and cluster."""
    order = np.lexsort((*values.T, cluster, word))
    word, cluster, values = word[order], cluster[order], values[order]
    start = np.flatnonzero(np.r_[True, (np.diff(word) != 0) | (np.diff(cluster) != 0)])
    n = np.diff(np.r_[start, len(word)])
    return word[start], np.add.reduceat(values, start, axis=0) / n[:, None]


def _sample(word: NDArray[np.int64], values: NDArray[np.float64], enough: NDArray[np.int64]) -> _Sample:
    """The rows of words with enough items, in an order that does not depend on the order of items."""
    tested = np.isin(word, enough)
    word, values = word[tested], values[tested]
    order = np.lexsort((*values.T, word))
    start = np.searchsorted(word[order], enough)
    return _Sample(values[order], start, np.diff(np.r_[start, len(word)]))


def _leans(sample: _Sample, *, largest: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Adjusted leans of reference and candidate [words], and the difference in each row [rows].

    The slope is both models' lean on the word relative to its items' other units. Noise can make it negative or huge,
    so it is limited to between 0 and ``largest``.
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
    """Each word's mean difference with Student's interval, and its p-value [words] under the hypothesis that it is 0.

    ``difference`` [rows]; ``mean`` [words] is its mean, computed as the difference of the two models' leans.
    """
    deviation = difference - np.repeat(mean, sample.n)
    error = np.sqrt(sample.mean(np.square(deviation)) / (sample.n - 1))
    size = np.sqrt(sample.mean(np.square(sample.values)).max(axis=1))
    is_zero = np.abs(mean) <= ROUNDING * size
    t = np.full(len(mean), np.inf)
    np.divide(np.abs(mean), error, out=t, where=error > 0)
    p = np.where(is_zero, 1.0, 2 * scipy.special.stdtr(sample.n - 1, -t))
    half_width = scipy.special.stdtrit(sample.n - 1, (1 + level) / 2) * error
    method = f"{what}, candidate minus reference; Student's t"
    estimates = [
        Estimate(float(m), float(m - h), float(m + h), int(n), method, level)
        for m, h, n in zip(mean, half_width, sample.n, strict=True)
    ]
    return estimates, p
