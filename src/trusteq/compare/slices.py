"""Slices: every measure by label, by column and by text length, and which slices differ from the rest.

A slice is compared with all other items, so a small p-value means "the candidate differs more here than elsewhere".
The p-values of a measure are corrected together over all slices of a run (Holm); the intervals of slices are not
widened. Explained items are sliced in the same way, and by the two models' answers, to show where attributions agree
less.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from trusteq.compare import behaviour, divergence, scores
from trusteq.compare.alignment import noise_free, top_sets
from trusteq.compare.answers import Answers, Pair
from trusteq.compare.compute_measures import measure_all
from trusteq.compare.measures import MEASURES, Measure
from trusteq.stats.coded import coded
from trusteq.stats.multiplicity import holm
from trusteq.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.compare.alignment import Explained
    from trusteq.data.items import Items
    from trusteq.data.segment import Segment
    from trusteq.stats.estimate import Estimate, PairedTest

MIN_ITEMS, MIN_EXPLAINED = 30, 20
MAX_VALUES = 20
SLICE_RESAMPLES = 1_000
LABEL, ANSWERS = "label", "answers"
REFERENCE_CONFIDENCE, POSITION = "reference confidence", "tokens before"
CONFIDENCES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
POSITIONS = (1.0, 8.0, 32.0, 128.0, 512.0, math.inf)

WORSE = {measure.name: measure.worse for measure in MEASURES}
"""By measure, the sign of the direction that is worse; 0 if neither is."""


@dataclass(frozen=True)
class Slice:
    """Measures by dimension, paired tests and p-values against the rest, for the items with one value of a column.

    ``p_rest`` are Holm-adjusted over all slices of the run, by measure; so are the tests' p-values in ``p_tests``.
    ``worse_than_rest`` says whether the slice is worse than the rest, for measures with a worse direction. Slices of
    explained items have only measures.
    """

    column: str
    value: str
    n: int
    measures: Mapping[str, Mapping[str, Estimate]]
    tests: Mapping[str, PairedTest] = field(default_factory=dict)
    p_rest: Mapping[str, float] = field(default_factory=dict)
    p_tests: Mapping[str, float] = field(default_factory=dict)
    worse_than_rest: Mapping[str, bool] = field(default_factory=dict)


def slice_columns(items: Items, gold: NDArray[np.int64] | None, labels: Sequence[str]) -> dict[str, Sequence[str]]:
    """The columns to slice by: the gold label, the items' own columns, and text length in quarters."""
    columns: dict[str, Sequence[str]] = {}
    if gold is not None:
        columns[LABEL] = [labels[code] for code in gold]
    columns |= items.columns
    return columns | count_columns(items.segments.values())


def count_columns(segments: Iterable[Segment]) -> dict[str, list[str]]:
    """Counts in the items' segments, such as words of texts, in quarters; summed over segments."""
    counts: dict[tuple[str, str], NDArray[np.int64]] = {}
    for segment in segments:
        for name, word in segment.counted.items():
            counts[name, word] = counts.get((name, word), 0) + segment.counts(name)
    return {name: quarters(count, word) for (name, word), count in counts.items()}


def quarters(counts: NDArray[np.int64], word: str) -> list[str]:
    """The quarter of each count as a readable range [items], such as "8-12 words"; equal counts stay together."""
    edges = np.unique(np.quantile(counts, [0.25, 0.5, 0.75], method="inverted_cdf"))
    quarter = np.searchsorted(edges, counts, side="left")
    parts = {int(q): counts[quarter == q] for q in np.unique(quarter)}
    names = {q: _range(int(part.min()), int(part.max()), word) for q, part in parts.items()}
    return [names[int(q)] for q in quarter]


def _range(low: int, high: int, word: str) -> str:
    words = word if high == 1 else f"{word}s"
    return f"{low} {words}" if low == high else f"{low}-{high} {words}"


def slices(
    pair: Pair,
    columns: Mapping[str, Sequence[str]],
    clusters: Sequence[str] | None,
    own: Sequence[Measure] = (),
) -> list[Slice]:
    """A `Slice` for each column's most frequent values (`MAX_VALUES` at most, of `MIN_ITEMS` items or more).

    ``own`` are further measures of plugins and users.
    """
    measured: list[Slice] = []
    inside_each: list[NDArray[np.int64]] = []
    for column, value, inside in _cut(columns, clusters, pair.resampling.item, minimum=MIN_ITEMS, by_name=True):
        part = _part(pair, inside, clusters)
        measured.append(Slice(column, value, part.resampling.items, measure_all(part, own), behaviour.tests(part)))
        inside_each.append(inside)
    against_rest, worse = _against_rest(pair, inside_each)
    adjusted_rest = _adjusted(against_rest)
    adjusted_tests = _adjusted([{name: test.p_value for name, test in s.tests.items()} for s in measured])
    return [
        replace(s, p_rest=rest, p_tests=tests, worse_than_rest=side)
        for s, rest, tests, side in zip(measured, adjusted_rest, adjusted_tests, worse, strict=True)
    ]


def token_slices(pair: Pair, clusters: Sequence[str] | None) -> list[Slice]:
    """What tokens alone have: a `Slice` by the reference's confidence, and by how many tokens of context precede them.

    The rest is no yardstick here, since every model changes most where the reference is unsure.
    """
    position = pair.reference.outcomes.numbers.get("position")
    if position is None:
        return []
    columns = {
        REFERENCE_CONFIDENCE: in_ranges(pair.reference.confidence, CONFIDENCES),
        POSITION: in_ranges(position, POSITIONS),
    }
    measured = []
    for column, values in columns.items():
        for code, value in enumerate(values.names):
            inside = np.flatnonzero(values.code == code)
            if len(np.unique(pair.resampling.unit[inside])) > 1:
                part = replace(_part(pair, inside, clusters), dimensions=("distribution",))
                measured.append(Slice(column, value, part.resampling.items, measure_all(part)))
    return measured


class Ranges(NamedTuple):
    """The names of ranges, and in which of them each value is [values]."""

    names: list[str]
    code: NDArray[np.int64]


def in_ranges(x: NDArray[np.float64], edges: Sequence[float]) -> Ranges:
    """The range of each value: from an edge to below the next one, the last with its end."""
    code = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    names = [f"{low:g}" + (f" to {high:g}" if high < math.inf else " or more") for low, high in pairwise(edges)]
    return Ranges(names, code.astype(np.int64))


def aligned_slices(
    explained: Sequence[Explained], columns: Mapping[str, Sequence[str]], clusters: Sequence[str] | None
) -> list[Slice]:
    """The same for explained items, `MIN_EXPLAINED` or more, with the agreement of the two models' attributions."""
    measured = []
    for column, value, inside in _cut(columns, clusters, minimum=MIN_EXPLAINED, by_name=False):
        measures = {
            f"{name}_{part.method}": estimate
            for part in (_explained_part(one, inside, clusters) for one in explained)
            for name, estimate in {**noise_free(part), **top_sets(part)}.items()
            if estimate is not None
        }
        measured.append(Slice(column, value, len(inside), {"explanation": measures}))
    return measured


def answers_in_words(pair: Pair) -> list[str]:
    """How the two models' answers to each item relate, in words [items]: a column to slice explained items by."""
    same = pair.reference.answer == pair.candidate.answer
    if not pair.labelled:
        return ["same answer" if s else "other answer" for s in same]
    reference, candidate = pair.reference.right, pair.candidate.right
    words = {
        (True, True): "both right",
        (True, False): "right to wrong",
        (False, True): "wrong to right",
    }
    wrong = {True: "same wrong answer", False: "wrong to other wrong"}
    return [words.get((bool(r), bool(c)), wrong[bool(s)]) for r, c, s in zip(reference, candidate, same, strict=True)]


def _against_rest(
    pair: Pair, inside_each: Sequence[NDArray[np.int64]]
) -> tuple[list[dict[str, float]], list[dict[str, bool]]]:
    """Each slice's p-values against the rest and whether it is worse, by measure; from the positions of its items."""
    p: list[dict[str, float]] = [{} for _ in inside_each]
    worse: list[dict[str, bool]] = [{} for _ in inside_each]
    for name, x in each_item_value(pair):  # one at a time: all together they would be the largest thing in memory
        mean, sign = x.mean(), WORSE[name]
        for at, positions in enumerate(inside_each):
            if sign:
                worse[at][name] = bool(sign * (x[positions].mean() - mean) > 0)
            if len(positions) < len(x):
                inside = np.zeros(len(x), dtype=np.bool_)
                inside[positions] = True
                p[at][name] = p_against_rest(x, inside, pair.resampling.unit)
    return p, [{name: side[name] for name in WORSE if name in side} for side in worse]


def item_values(pair: Pair) -> dict[str, NDArray[np.float64]]:
    """The measures that are means of per-item values [items], for which a slice can be tested against the rest."""
    return dict(each_item_value(pair))


def each_item_value(pair: Pair) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The same, one after the other."""
    reference, candidate = pair.reference, pair.candidate
    yield "disagreement", (reference.answer != candidate.answer).astype(np.float64)
    if "distribution" in pair.met:
        yield "js", divergence.js(reference, candidate)
    shift = candidate.confidence - reference.confidence
    yield "confidence_shift", shift
    if pair.labelled:
        right = candidate.right.astype(np.float64) - reference.right
        yield "accuracy_difference", right
        yield "regressions", (right < 0).astype(np.float64)
        yield "overconfidence_difference", shift - right
    if pair.met >= {"labels", "distribution"}:
        yield "brier_difference", scores.brier(candidate) - scores.brier(reference)
        yield "nll_difference", scores.nll(candidate) - scores.nll(reference)


def p_against_rest(x: NDArray[np.float64], inside: NDArray[np.bool_], unit: NDArray[np.int64]) -> float:
    """Two-sided p-value that the mean of ``x`` [items] is the same inside a slice and outside, robust to clusters."""
    outside = ~inside
    a, b = x[inside].mean(), x[outside].mean()
    weight = np.where(inside, 1 / inside.sum(), -1 / outside.sum())
    separate = _sum_of_squares(weight * (x - np.where(inside, a, b)), unit)
    # A small slice that happens to have no rare event seems to have no variance; if slice and rest do not differ, it
    # has the variance of all items, with their correlation within clusters.
    centred = x - x.mean()
    pairs = _sum_of_squares(np.ones(len(x)), unit) - len(x)
    spread = float(centred @ centred)
    if spread == 0:
        return 1.0
    correlation = (_sum_of_squares(centred, unit) - spread) / spread * len(x) / pairs if pairs else 0.0
    correlation = min(max(correlation, 0.0), 1.0)
    pooled = (
        spread / len(x) * ((1 - correlation) * float(weight @ weight) + correlation * _sum_of_squares(weight, unit))
    )
    variance = max(separate, pooled)
    if variance == 0:
        return 1.0 if a == b else 0.0
    return float(2 * special.ndtr(-abs(a - b) / np.sqrt(variance)))


def _sum_of_squares(x: NDArray[np.float64], unit: NDArray[np.int64]) -> float:
    return float(np.square(np.bincount(unit, weights=x)).sum())


def _cut(
    columns: Mapping[str, Sequence[str]],
    clusters: Sequence[str] | None,
    item: NDArray[np.int64] | None = None,
    *,
    minimum: int,
    by_name: bool,
) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    """Each column's most frequent values with the positions of their items, or outcomes if ``item`` names their items.

    A value needs ``minimum`` items, of two clusters or more. Equally frequent values are in alphabetical order if
    ``by_name``, otherwise in the order of the items.
    """
    for column, values in columns.items():
        names, code = coded(values)
        counts = sorted(Counter(values).items(), key=lambda entry: (-entry[1], entry[0] if by_name else ""))
        for value in (value for value, n in counts[:MAX_VALUES] if n >= minimum):
            inside = np.flatnonzero(code == names.index(value))
            if item is not None and len(np.unique(item[inside])) < minimum:
                continue
            if clusters is None or len({clusters[i] for i in inside.tolist()}) > 1:
                yield column, value, inside


def _part(pair: Pair, inside: NDArray[np.int64], clusters: Sequence[str] | None) -> Pair:
    """The pair on the items of a slice, with a resampling of its own."""
    resampling = _resampled(pair.resampling, inside, clusters, maximum=SLICE_RESAMPLES)
    parts = (Answers(a.outcomes.take(inside), resampling) for a in (pair.reference, pair.candidate))
    return Pair(*parts, dimensions=pair.dimensions)


def _explained_part(explained: Explained, inside: NDArray[np.int64], clusters: Sequence[str] | None) -> Explained:
    """The same for explained items."""
    return explained.take(inside, _resampled(explained.resampling, inside, clusters))


def _resampled(
    resampling: Resampling, inside: NDArray[np.int64], clusters: Sequence[str] | None, maximum: int | None = None
) -> Resampling:
    return Resampling(
        len(inside),
        clusters=None if clusters is None else [clusters[i] for i in inside.tolist()],
        item=None if resampling.item is None else resampling.item[inside],
        weights=None if resampling.weights is None else resampling.weights[inside],
        resamples=resampling.resamples if maximum is None else min(maximum, resampling.resamples),
        seed=resampling.seed,
        level=resampling.level,
    )


def _adjusted(rows: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """The p-values of each name corrected over the rows that have it (Holm)."""
    result: list[dict[str, float]] = [{} for _ in rows]
    for name in sorted({name for row in rows for name in row}):
        at = [i for i, row in enumerate(rows) if name in row]
        for i, p in zip(at, holm([rows[i][name] for i in at]), strict=True):
            result[i][name] = p
    return result
