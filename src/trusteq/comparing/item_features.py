"""Every term that can be said of some items, as a sparse table of who has it: what a search for conditions reads."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy

from trusteq.comparing.conditions import ASPECTS, Seen, Term, numbers_of
from trusteq.data.segment import measures_of
from trusteq.stats.coded import coded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from trusteq.comparing.conditions import TermKind

MIN_ITEMS = 6
"""Terms of fewer items, or of all but fewer, are not looked at."""
MOST_ENDS = 24
"""The most ends that are tried of a count, a share of words or a confidence."""
SUBJECTS: tuple[TermKind, ...] = ("column", "label", "answer", "word", "form", "count", "overlap", "confidence")
"""What a term can be about; of terms that the same items have, the one with the earlier subject is kept."""


@dataclass(frozen=True)
class Features:
    """Terms, which items have them as 0 and 1 [items, terms], and what each costs in nats.

    The cost is the logarithm of how many other terms might have been said instead: 1 of 8 subjects, and within it all
    terms about this subject. A condition must explain more than it costs, a rule of Occam's (minimum description
    length, Rissanen 1978): with thousands of words, some word fits by chance; with three labels, hardly one does.
    """

    terms: tuple[Term, ...]
    table: scipy.sparse.csc_array
    cost: NDArray[np.float64]

    def without(self, kind: TermKind) -> Features:
        """The same without the terms of a kind."""
        kept = [at for at, term in enumerate(self.terms) if term.kind != kind]
        return Features(tuple(self.terms[at] for at in kept), self.table[:, kept], self.cost[kept])

    def items_with(self, terms: Sequence[Term]) -> NDArray[np.bool_]:
        """Which items have all these terms [items]."""
        counts = self.table[:, [self.terms.index(term) for term in terms]].sum(axis=1)
        return np.asarray(np.asarray(counts).ravel() == len(terms))


def item_features(known: Seen) -> Features:
    """Every term that enough of the items have and lack."""
    terms: list[Term] = []
    holders: list[NDArray[np.int32]] = []
    for term, items in _in_order(known):
        if MIN_ITEMS <= len(items) <= known.n - MIN_ITEMS:
            terms.append(term)
            holders.append(items)
    subjects = [_subject(term) for term in terms]
    size = {subject: subjects.count(subject) for subject in set(subjects)}
    cost = np.array([math.log(len(SUBJECTS)) + math.log(size[subject]) for subject in subjects])
    first: dict[bytes, int] = {}
    for at, items in enumerate(holders):
        first.setdefault(items.tobytes(), at)
    kept = list(first.values())
    rows = [holders[at] for at in kept]
    ends = np.cumsum([0, *map(len, rows)])
    indices = np.concatenate(rows) if rows else np.empty(0, np.int32)
    table = scipy.sparse.csc_array((np.ones(len(indices), np.float32), indices, ends), shape=(known.n, len(kept)))
    return Features(tuple(terms[at] for at in kept), table, cost[kept])


def _subject(term: Term) -> str:
    return "word" if term.kind in {"first word", "last word"} else term.kind


def _in_order(known: Seen) -> Iterator[tuple[Term, NDArray[np.int32]]]:
    """Each term with the items that have it, by subject; about all segments before those about one."""
    for name, values in known.columns.items():
        yield from _values(Term("column", name=name), values)
    if known.label is not None:
        yield from _values(Term("label"), known.label)
    if known.answer is not None:
        yield from _values(Term("answer"), known.answer)
    yield from _aspects(known)
    names = {name: word for segment in known.segments.values() for name, word in segment.counted.items()}
    for name, word in names.items():
        having = [key for key, segment in known.segments.items() if name in segment.counted]
        for segment in ["", *(having if len(having) > 1 else ())]:
            yield from _ranges(Term("count", word, segment, name), known)
    for name, segment in measures_of(known.segments):
        yield from _ranges(Term("count", "", segment, name), known)
    texts = [name for name, segment in known.segments.items() if segment.texts() is not None]
    for first, second in ((a, b) for a in texts for b in texts if a != b):
        if len(texts) == 2:
            yield from _ranges(Term("overlap", segment=second, name=first), known)
    if known.confidence is not None:
        yield from _ranges(Term("confidence"), known)


def _values(term: Term, values: Sequence[str]) -> Iterator[tuple[Term, NDArray[np.int32]]]:
    names, code = coded(values)
    order, ends = np.argsort(code, kind="stable").astype(np.int32), np.cumsum(np.bincount(code))
    for name, items in zip(names, np.split(order, ends[:-1]), strict=True):
        yield replace(term, value=name), items


def _ranges(term: Term, known: Seen) -> Iterator[tuple[Term, NDArray[np.int32]]]:
    """From each end upwards and downwards; ends are values that items have, spread over all."""
    x = numbers_of(term, known)
    scale = 10 ** _digits(term, x)
    for low in np.unique(np.floor(_spread(x) * scale) / scale).tolist():
        yield replace(term, low=low), np.flatnonzero(x >= low).astype(np.int32)
    for high in np.unique(np.ceil(_spread(x) * scale) / scale).tolist():
        yield replace(term, high=high), np.flatnonzero(x <= high).astype(np.int32)


def _digits(term: Term, x: NDArray[np.float64]) -> int:
    """How many digits after the point an end has; of measures, those that tell the range of all in three digits."""
    if term.kind != "count":
        return 2
    whole, extent = np.array_equal(x, np.rint(x)), float(np.ptp(x))
    return 0 if whole or not extent else max(0, 2 - math.floor(math.log10(extent)))


def _spread(x: NDArray[np.float64]) -> NDArray[np.float64]:
    distinct = np.unique(x)
    if len(distinct) <= MOST_ENDS:
        return distinct
    return np.unique(np.quantile(x, np.linspace(0, 1, MOST_ENDS), method="inverted_cdf"))


class _Held:
    """Which items have which names, collected item by item."""

    def __init__(self) -> None:
        self.code: dict[str, int] = {}
        self.names = array("i")
        self.items = array("i")

    def add(self, item: int, names: Collection[str]) -> None:
        code = self.code
        self.names.extend([code.setdefault(name, len(code)) for name in names])
        self.items.extend([item] * len(names))

    def frequent(self) -> Iterator[tuple[str, NDArray[np.int32]]]:
        """The names that enough items have, in alphabetical order, each with these items."""
        names, item = np.array(self.names, dtype=np.int32), np.array(self.items, dtype=np.int32)
        counts = np.bincount(names, minlength=len(self.code))
        often = counts[names] >= MIN_ITEMS
        names, item = names[often], item[often]
        order = np.argsort(names, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(names, minlength=len(self.code)))])
        item = item[order]
        for name in sorted(name for name, code in self.code.items() if counts[code] >= MIN_ITEMS):
            code = self.code[name]
            yield name, item[starts[code] : starts[code + 1]]


def _aspects(known: Seen) -> Iterator[tuple[Term, NDArray[np.int32]]]:
    """The terms that functions of a segment's kind give: of any segment, and where there are several, of each."""
    of = {name: aspects for name, s in known.segments.items() if (aspects := ASPECTS.get(s.kind)) is not None}
    held: dict[tuple[str, TermKind], _Held] = {}
    rows = zip(*(known.segments[name] for name in of), strict=True) if of else ()
    for item, values in enumerate(rows):
        found = {name: of[name](value) for name, value in zip(of, values, strict=True)}
        kinds = list(dict.fromkeys(kind for aspects in found.values() for kind in aspects))
        for kind in kinds:
            named: dict[str, Any] = {name: aspects.get(kind, frozenset()) for name, aspects in found.items()}
            held.setdefault(("", kind), _Held()).add(item, frozenset().union(*named.values()))
            for name, names in named.items() if len(of) > 1 else ():
                held.setdefault((name, kind), _Held()).add(item, names)
    for (segment, kind), names_held in sorted(held.items(), key=lambda entry: entry[0][0] != ""):
        for name, items in names_held.frequent():
            yield Term(kind, name, segment), items
