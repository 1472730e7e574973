"""Slices: every measure by label, by column and by text length, and which slices differ from the rest.

A slice is compared with all other items, so a small p-value means "the candidate differs more here than elsewhere".
The p-values of a measure are corrected together over all slices of a run (Holm), those of the judged measures over all
slices and judged measures; the intervals of slices are not widened. Every value with enough items is looked at. Where a
column has many, the ones with the strongest evidence are measured in full, the others by what costs little. Explained
items are sliced in the same way, and by the two models' answers, to show where attributions agree less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trusteq.comparing import behaviour
from trusteq.comparing.against_rest import ItemValues, each_item_value, p_from_intervals
from trusteq.comparing.alignment import noise_free, top_sets
from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.compute_measures import groups_for, measure_all, measured_by
from trusteq.comparing.confidence import confidence_profiles, overconfidence
from trusteq.comparing.measures import MEASURES, Measure
from trusteq.data.segment import measures_of
from trusteq.stats.coded import coded
from trusteq.stats.multiplicity import holm

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.comparing.alignment import Explained
    from trusteq.data.items import Items
    from trusteq.data.segment import Segment
    from trusteq.stats.estimate import Estimate, PairedTest

MIN_ITEMS, MIN_EXPLAINED = 30, 20
MAX_VALUES, MOST_SLICES = 20, 500
"""Values of a column that are measured in full, and at all."""
MOST_IN_FULL = 40
"""Slices of all columns together that are measured in full: those that differ most from the rest."""
SLICE_RESAMPLES = 1_000
ALPHA = 0.05
LIGHT = frozenset({behaviour.accuracy, behaviour.agreement, behaviour.flips, confidence_profiles, overconfidence})
"""The groups of measures that cost little, in every slice."""
LABEL, ANSWERS = "label", "both models' answers"
ANSWER, CONFIDENCE = "either model's answer", "either model's confidence"
CONFIDENCE_RANGES = (0.0, 0.5, 0.7, 0.9, 1.0)
REFERENCE_CONFIDENCE, POSITION = "reference confidence", "tokens before"
CONFIDENCES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
POSITIONS = (1.0, 8.0, 32.0, 128.0, 512.0, math.inf)

WORSE = {measure.name: measure.worse for measure in MEASURES}
"""By measure, the sign of the direction that is worse; 0 if neither is."""
_DIMENSION = {measure.name: measure.dimension for measure in MEASURES}


@dataclass(frozen=True)
class Slice:
    """Measures by dimension, paired tests and p-values against the rest, for the items with one value of a column.

    ``p_rest`` are Holm-adjusted over all slices of the run, by measure; so are the tests' p-values in ``p_tests``.
    ``worse_than_rest`` says whether the slice is worse than the rest, for measures with a worse direction.
    ``p_judged`` has the judged measures that are beyond their margin in the slice and farther beyond than in the rest:
    the p-value against the rest, Holm-adjusted over all slices and judged measures. Slices of explained items have no
    other p-values, and no tests.
    """

    column: str
    value: str
    n: int
    measures: Mapping[str, Mapping[str, Estimate]]
    tests: Mapping[str, PairedTest] = field(default_factory=dict)
    p_rest: Mapping[str, float] = field(default_factory=dict)
    p_tests: Mapping[str, float] = field(default_factory=dict)
    worse_than_rest: Mapping[str, bool] = field(default_factory=dict)
    p_judged: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """A measure's margin, infinite on a side without one, and its estimate over all items."""

    low: float
    high: float
    whole: Estimate

    def beyond(self, value: float) -> int:
        """On which side of the margin a value lies: 1 above, -1 below, 0 within."""
        return int(value > self.high) - int(value < self.low)


def slice_columns(items: Items, gold: NDArray[np.int64] | None, labels: Sequence[str]) -> dict[str, Sequence[str]]:
    """The columns to slice by: the gold label, the items' own columns, and text length in quarters."""
    columns: dict[str, Sequence[str]] = {}
    if gold is not None:
        columns[LABEL] = [labels[code] for code in gold]
    columns |= items.columns
    return columns | count_columns(items.segments)


def count_columns(segments: Mapping[str, Segment]) -> dict[str, list[str]]:
    """Counts and measures of the items' segments in quarters; counts, such as words, are summed over segments.

    A measure that is the same of all items is left out.
    """
    counts: dict[tuple[str, str], NDArray[np.int64]] = {}
    for segment in segments.values():
        for name, word in segment.counted.items():
            counts[name, word] = counts.get((name, word), 0) + segment.counts(name)
    by_name = {name: quarters(count, word) for (name, word), count in counts.items()}
    return by_name | {
        measure_column(name, segment): quarters(values)
        for (name, segment), values in measures_of(segments).items()
        if np.ptp(values) > 0
    }


def measure_column(name: str, segment: str) -> str:
    """The name of the slices by a measure; ``segment`` says of what, if several segments have it."""
    return f"{name} of {segment}" if segment else name


def quarters(numbers: NDArray[np.int64] | NDArray[np.float64], word: str = "") -> list[str]:
    """The quarter of each number as a readable range [items], such as "8-12 words"; equal numbers stay together.

    ``word`` is for what is counted; without one, the numbers are those of a measure.
    """
    edges = np.unique(np.quantile(numbers, [0.25, 0.5, 0.75], method="inverted_cdf"))
    quarter = np.searchsorted(edges, numbers, side="left")
    parts = [numbers[quarter == q] for q in np.unique(quarter)]
    if word:
        names = [_range(int(part.min()), int(part.max()), word) for part in parts]
    else:
        names = _told_apart([(float(part.min()), float(part.max())) for part in parts])
    name_of = dict(zip(np.unique(quarter).tolist(), names, strict=True))
    return [name_of[q] for q in quarter.tolist()]


def _told_apart(ranges: Sequence[tuple[float, float]]) -> list[str]:
    """Each range in three digits, or in as many as it takes to tell one from the next."""
    digits = 3
    while True:
        shown = [tuple(in_digits(end, digits) for end in ends) for ends in ranges]
        if len({end for ends in shown for end in ends}) == len({end for ends in ranges for end in ends}) or digits > 16:
            return [low if low == high else f"{low} to {high}" for low, high in shown]
        digits += 1


def in_digits(number: float, digits: int) -> str:
    """The number with so many digits, or all of those before the point; a whole number without a point."""
    before = len(str(int(abs(number))))
    return f"{number:.{0 if number.is_integer() else max(0, digits - before)}f}"


def _range(low: int, high: int, word: str) -> str:
    words = word if high == 1 else f"{word}s"
    return f"{low} {words}" if low == high else f"{low}-{high} {words}"


def slices(
    pair: Pair,
    columns: Mapping[str, Sequence[str]],
    clusters: Sequence[str] | None,
    own: Sequence[Measure] = (),
    *,
    judged: Mapping[str, Judged] = MappingProxyType({}),
    answers: Sequence[str] | None = None,
    references: dict[tuple[str, str], Answers] | None = None,
) -> list[Slice]:
    """A `Slice` for each column's values with `MIN_ITEMS` items or more, `MOST_SLICES` of a column at most.

    ``own`` are further measures of plugins and users; ``judged`` those that a policy has rules about, by name;
    ``answers`` is what each answer is called, empty where every item has its own; None for no slices `by_outcome`.
    ``references`` has the reference's answers by column and value, and what was computed of them for other candidates;
    those of this candidate's slices are added to it.
    """
    cuts = [
        *_cut(columns, clusters, pair.resampling.item, minimum=MIN_ITEMS, by_name=True),
        *(() if answers is None else by_outcome(pair, answers)),
    ]
    differences = _differences(pair, cuts)
    kept = _kept(cuts, differences)
    measured = [
        _measured(pair, cuts[at], own, in_full=in_full, judged=judged, references=references)
        for at, in_full in kept.items()
    ]
    adjusted_rest = _adjusted([difference.p for difference in differences])
    adjusted_tests = _adjusted([{name: test.p_value for name, test in s.tests.items()} for s in measured])
    found = [(s, cuts[at], differences[at]) for s, at in zip(measured, kept, strict=True)]
    looked_at = sum(_judges(cut, name) for cut in cuts for name in judged)
    p_judged = _against_margins(pair, found, own, judged, looked_at)
    return [
        replace(s, p_rest=adjusted_rest[at], p_tests=tests, worse_than_rest=differences[at].worse, p_judged=p)
        for s, at, tests, p in zip(measured, kept, adjusted_tests, p_judged, strict=True)
    ]


def by_outcome(pair: Pair, answers: Sequence[str]) -> Iterator[Cut]:
    """The items to which either model gives an answer, or with a confidence in some range: where calibration differs.

    A gold label is known only afterwards: a calibrated model is sure to the right degree of the items that it *calls*
    cats, not of those that are cats. And not the reference's answer or confidence alone: of the items of which it
    happens to be surest, every other model is less sure, though both are sure to the right degree. Neither model has
    that advantage among the items that either of them is sure of. An item may be in two of these slices.
    """
    models = (pair.reference, pair.candidate)
    if pair.resampling.item is not None or "calibration" not in pair.dimensions:
        return
    names, code = in_ranges(pair.reference.confidence, CONFIDENCE_RANGES)
    sides = {CONFIDENCE: (names, [code, in_ranges(pair.candidate.confidence, CONFIDENCE_RANGES).code])}
    if answers:
        sides[ANSWER] = (list(answers), [model.answer for model in models])
    for column, (values, codes) in sides.items():
        order = [np.argsort(code, kind="stable") for code in codes]
        starts = [
            np.searchsorted(code, np.arange(len(values) + 1), sorter=o) for code, o in zip(codes, order, strict=True)
        ]
        for i, value in enumerate(values):
            inside = np.unique(np.concatenate([o[s[i] : s[i + 1]] for o, s in zip(order, starts, strict=True)]))
            if len(inside) >= MIN_ITEMS and len(np.unique(pair.resampling.unit[inside])) > 1:
                yield Cut(column, value, inside, ("calibration",))


def token_slices(pair: Pair) -> list[Slice]:
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
                part = replace(_part(pair, inside), dimensions=("distribution",))
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
    explained: Sequence[Explained],
    columns: Mapping[str, Sequence[str]],
    clusters: Sequence[str] | None,
    judged: Mapping[str, Judged] = MappingProxyType({}),
) -> list[Slice]:
    """The same for explained items, `MIN_EXPLAINED` or more, with the agreement of the two models' attributions.

    ``p_judged`` is corrected over these slices alone. Of slices by the two models' answers there is none: where answers
    differ, attributions do.
    """
    measured, p, looked_at = [], [], 0
    every = np.arange(len(explained[0].lengths)) if explained else np.empty(0, np.int64)
    for cut in _cut(columns, clusters, minimum=MIN_EXPLAINED, by_name=False):
        measures, of_slice = _agreement(explained, cut.inside), {}
        if cut.column != ANSWERS and len(cut.inside) < len(every):
            known = [name for name in judged if name in measures]
            looked_at += len(known)
            beyond = {name: side for name in known if (side := judged[name].beyond(measures[name].value))}
            rest = _agreement(explained, np.setdiff1d(every, cut.inside)) if beyond else {}
            of_slice = {
                name: p_from_intervals(measures[name], rest[name], side)
                for name, side in beyond.items()
                if name in rest
            }
        p.append(of_slice)
        measured.append(Slice(cut.column, cut.value, len(cut.inside), {"explanation": measures}))
    return [replace(part, p_judged=row) for part, row in zip(measured, _adjusted_over(p, looked_at), strict=True)]


def _agreement(explained: Sequence[Explained], at: NDArray[np.int64]) -> dict[str, Estimate]:
    """The agreement of attributions over the explained items at these positions, by every method."""
    return {
        f"{name}_{one.method}": estimate
        for one in explained
        for part in [one.take(at, one.resampling.part(at))]
        for name, estimate in {**noise_free(part), **top_sets(part)}.items()
        if estimate is not None
    }


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


@dataclass(frozen=True)
class _Difference:
    """Of one slice and by measure: the p-value against the rest, and whether it is worse, or larger, than all items."""

    p: dict[str, float] = field(default_factory=dict)
    worse: dict[str, bool] = field(default_factory=dict)
    larger: dict[str, bool] = field(default_factory=dict)

    @property
    def strongest(self) -> float:
        """The smallest p-value that does not speak for the slice."""
        return min((p for name, p in self.p.items() if self.worse.get(name, True)), default=1.0)


def _differences(pair: Pair, cuts: Sequence[Cut]) -> list[_Difference]:
    """How each slice differs from the rest in the measures that are means."""
    found = [_Difference() for _ in cuts]
    for name, x in each_item_value(pair):  # one at a time: all together they would be the largest thing in memory
        values, mean, sign = ItemValues(x, pair.resampling.unit), x.mean(), WORSE[name]
        for cut, difference in zip(cuts, found, strict=True):
            if not _judges(cut, name):
                continue
            gap = x[cut.inside].mean() - mean
            difference.larger[name] = bool(gap > 0)
            if sign:
                difference.worse[name] = bool(sign * gap > 0)
            if len(cut.inside) < len(x):
                difference.p[name] = values.p_against_rest(cut.inside)
    return [replace(d, worse={name: d.worse[name] for name in WORSE if name in d.worse}) for d in found]


def _judges(cut: Cut, name: str) -> bool:
    """Whether a measure says something about a slice: of slices by outcome, only trusteq's own calibration does."""
    return not cut.dimensions or _DIMENSION.get(name) in cut.dimensions


def _kept(cuts: Sequence[Cut], differences: Sequence[_Difference]) -> dict[int, bool]:
    """The positions of the slices to measure, in order, and whether each is measured in full."""
    by_column: dict[str, list[int]] = {}
    for at, cut in enumerate(cuts):
        by_column.setdefault(cut.column, []).append(at)
    few = [at for own in by_column.values() if len(own) <= MAX_VALUES and not cuts[own[0]].dimensions for at in own]
    clearest = set(sorted(few, key=lambda at: differences[at].strongest)[:MOST_IN_FULL])
    kept: dict[int, bool] = {}
    for positions in by_column.values():
        strongest = sorted(positions, key=lambda at: differences[at].strongest)[:MOST_SLICES]
        all_in_full = len(positions) <= MAX_VALUES and not cuts[positions[0]].dimensions
        in_full = {at for at in strongest[:MAX_VALUES] if not cuts[at].dimensions or differences[at].strongest < ALPHA}
        in_full = clearest.intersection(positions) if all_in_full else in_full
        kept |= {at: at in in_full for at in sorted(strongest)}
    return kept


def _measured(
    pair: Pair,
    cut: Cut,
    own: Sequence[Measure],
    *,
    in_full: bool,
    judged: Collection[str],
    references: dict[tuple[str, str], Answers] | None,
) -> Slice:
    """The slice with its measures: all, those that cost little, or in a slice by outcome those and the judged ones."""
    known = None if references is None or cut.dimensions else references.get((cut.column, cut.value))
    part = _part(pair, cut.inside, known)
    if cut.dimensions:
        part = replace(part, dimensions=cut.dimensions)
    groups = groups_for(part, () if cut.dimensions else own)
    if cut.dimensions or not in_full:
        judging = {group for group, ms in groups.items() if in_full and any(m.name in judged for m in ms)}
        groups = {group: ms for group, ms in groups.items() if group in LIGHT or group in judging}
    tests = {} if cut.dimensions else behaviour.tests(part)
    measures = measured_by(part, groups)
    if references is not None and not cut.dimensions:
        references[cut.column, cut.value] = part.reference.lean()
    return Slice(cut.column, cut.value, part.resampling.items, measures, tests)


def _against_margins(
    pair: Pair,
    found: Sequence[tuple[Slice, Cut, _Difference]],
    own: Sequence[Measure],
    judged: Mapping[str, Judged],
    looked_at: int,
) -> list[dict[str, float]]:
    """By slice and judged measure, where the slice is beyond the margin and worse than the rest: p against the rest.

    The p-values are corrected for as many slices and measures as were looked at (Holm). A measure that is not a mean is
    estimated for the rest, too, unless the slice could not be told from it if the rest were known exactly.
    """
    p: list[dict[str, float]] = [{} for _ in found]
    for at, (part, cut, difference) in enumerate(found):
        flat = {name: e for group in part.measures.values() for name, e in group.items()}
        share, unclear = len(cut.inside) / pair.resampling.n, {}
        for name in judged.keys() & flat.keys():
            side = judged[name].beyond(flat[name].value)
            if not side or share == 1:
                continue
            if name in difference.p:
                if difference.larger[name] is (side > 0):
                    p[at][name] = difference.p[name]
            elif p_from_intervals(flat[name], _exact_rest(flat[name], judged[name].whole, share), side) < ALPHA:
                unclear[name] = side
        if unclear:
            rest = _part(pair, np.setdiff1d(np.arange(pair.resampling.n), cut.inside))
            rest = replace(rest, dimensions=cut.dimensions or rest.dimensions)
            groups = {group: ms for group, ms in groups_for(rest, own).items() if any(m.name in unclear for m in ms)}
            estimates = {name: e for group in measured_by(rest, groups).values() for name, e in group.items()}
            p[at] |= {
                name: p_from_intervals(flat[name], estimates[name], side)
                for name, side in unclear.items()
                if name in estimates
            }
    return _adjusted_over(p, looked_at)


def _adjusted_over(p: Sequence[Mapping[str, float]], looked_at: int) -> list[dict[str, float]]:
    """These p-values, by slice and measure, corrected for as many slices and measures as were looked at (Holm)."""
    places = [(at, name) for at, row in enumerate(p) for name in sorted(row)]
    raw = [p[at][name] for at, name in places]
    adjusted: list[dict[str, float]] = [{} for _ in p]
    for (at, name), value in zip(places, holm([*raw, *[1.0] * (looked_at - len(raw))]), strict=False):
        adjusted[at][name] = value
    return adjusted


def _exact_rest(part: Estimate, whole: Estimate, share: float) -> Estimate:
    """About what the rest has if a part of this share has so much and the whole so much; as if known exactly."""
    value = (whole.value - share * part.value) / (1 - share)
    return replace(whole, value=value, low=value, high=value)


class Cut(NamedTuple):
    """The positions of the items, or outcomes, of a slice; ``dimensions`` are those measured, if not all."""

    column: str
    value: str
    inside: NDArray[np.int64]
    dimensions: tuple[str, ...] = ()


def _cut(
    columns: Mapping[str, Sequence[str]],
    clusters: Sequence[str] | None,
    item: NDArray[np.int64] | None = None,
    *,
    minimum: int,
    by_name: bool,
) -> Iterator[Cut]:
    """Each column's values with the positions of their items, or outcomes if ``item`` names their items.

    The most frequent value first. A value needs ``minimum`` items, of two clusters or more. Equally frequent values are
    in alphabetical order if ``by_name``, otherwise in the order of the items.
    """
    for column, values in columns.items():
        names, code = coded(values)
        count = np.bincount(code)
        order, starts = np.argsort(code, kind="stable"), np.concatenate([[0], np.cumsum(count)])
        first = np.zeros(len(names), dtype=np.int64) if by_name else order[starts[:-1]]
        for at in np.lexsort((np.arange(len(names)), first, -count)).tolist():
            inside = order[starts[at] : starts[at + 1]]
            if len(inside) < minimum or (item is not None and len(np.unique(item[inside])) < minimum):
                continue
            if clusters is None or len({clusters[i] for i in inside.tolist()}) > 1:
                yield Cut(column, names[at], inside)


def _part(pair: Pair, inside: NDArray[np.int64], reference: Answers | None = None) -> Pair:
    """The pair on the items of a slice, with a resampling of its own; ``reference`` has the reference's answers there.

    None if they are not known.
    """
    if reference is None:
        resampling = pair.resampling.part(inside, resamples=SLICE_RESAMPLES)
        reference = Answers(pair.reference.outcomes.take(inside), resampling)
    candidate = Answers(pair.candidate.outcomes.take(inside), reference.resampling)
    return Pair(reference, candidate, dimensions=pair.dimensions)


def _adjusted(rows: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """The p-values of each name corrected over the rows that have it (Holm)."""
    result: list[dict[str, float]] = [{} for _ in rows]
    for name in sorted({name for row in rows for name in row}):
        at = [i for i, row in enumerate(rows) if name in row]
        for i, p in zip(at, holm([rows[i][name] for i in at]), strict=True):
            result[i][name] = p
    return result
