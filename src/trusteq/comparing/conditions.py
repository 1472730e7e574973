"""Conditions that items meet, such as "contain 'cf' and are labelled 'World'": in words, and as the items that match.

A condition is one or two terms. What a term can be about is what is known of an item: its segments, its columns, its
label, and the reference's answer. What one value of a segment has is a function for each kind of segment (`ASPECTS`);
what is counted and measured in it, the segment says itself. So another kind of segment brings its own terms.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trusteq.comparing.text_aspects import FIRST, FORM, LAST, WORD, text_aspects, words_of
from trusteq.data.segment import with_article

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.segment import Segment
    from trusteq.tasks.outcomes import Outcomes

TermKind = Literal[
    "column", "label", "answer", "word", "form", "first word", "last word", "count", "overlap", "confidence"
]

ASPECTS: dict[str, Callable[[Any], Mapping[Any, frozenset[str]]]] = {"text": text_aspects}
"""By kind of segment, what one of its values has: names by kind of term ("word": {"good", "film"})."""


@dataclass(frozen=True)
class Term:
    """One thing that can be said of an item.

    segment: the segment that it is about; "" if any of them, or all together.
    name: the name of the column or count; of an overlap, the segment in which words of ``segment`` occur again.
    value: the word, form, label, answer or value of the column; of a count, the word for what is counted.
    low, high: the ends, inclusive, of a count, a share of words or a confidence; None where there is no end.
    """

    kind: TermKind
    value: str = ""
    segment: str = ""
    name: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def of_the_item(self) -> bool:
        """Whether the item alone shows it, so that it is known before any model or person has answered."""
        return self.kind not in {"label", "answer", "confidence"}


@dataclass(frozen=True)
class Seen:
    """What is known of some items, all by position [items].

    label: the right answers in words; answer, confidence: the reference's. None where unknown or there are several.
    """

    n: int
    segments: Mapping[str, Segment] = field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    label: Sequence[str] | None = None
    answer: Sequence[str] | None = None
    confidence: NDArray[np.float64] | None = None


def seen(
    items: Items,
    reference: Outcomes | None = None,
    labels: Sequence[str] = (),
    segments: Mapping[str, Segment] | None = None,
) -> Seen:
    """What is known of the items, and of the reference's outcomes for them.

    ``labels`` are those that all items share. ``segments`` are the items', if these are elsewhere.
    """
    known = Seen(len(items), items.segments if segments is None else segments, items.columns)
    if reference is None or reference.item is not None:
        return known

    def in_words(codes: NDArray[Any] | None) -> list[str] | None:
        if codes is None or not (labels or items.options is not None):
            return None
        return [labels[code] if labels else f"option {code + 1}" for code in codes.tolist()]

    return Seen(
        known.n,
        known.segments,
        known.columns,
        in_words(reference.gold),
        in_words(reference.answer),
        reference.confidence,
    )


def matches(terms: Sequence[Term], items: Seen | Items) -> NDArray[np.bool_]:
    """Which items meet a condition [items]: those that have all its terms."""
    return np.asarray(matching([terms], items if isinstance(items, Seen) else seen(items))[0])


def matching(conditions: Sequence[Sequence[Term]], known: Seen) -> NDArray[np.bool_]:
    """Which items meet each condition [conditions, items]; every text is read once."""
    distinct = list(dict.fromkeys(term for terms in conditions for term in terms))
    aspects: dict[str, list[Term]] = {}
    for term in distinct:
        if term.kind in {WORD, FIRST, LAST, FORM}:
            for name in [term.segment] if term.segment else known.segments:
                aspects.setdefault(name, []).append(term)
    has = {term: np.zeros(known.n, dtype=np.bool_) for term in distinct}
    for name, terms in aspects.items():
        aspects_of = ASPECTS.get(known.segments[name].kind)
        if aspects_of is None:
            continue
        for i, value in enumerate(known.segments[name]):
            found = aspects_of(value)
            for term in terms:
                if term.value in found.get(term.kind, ()):
                    has[term][i] = True
    for term in distinct:
        if term.kind not in {WORD, FIRST, LAST, FORM}:
            has[term] = _within(numbers_of(term, known), term) if _has_ends(term) else _equal(term, known)
    everything = np.ones(known.n, dtype=np.bool_)
    rows = [np.logical_and.reduce([everything, *(has[term] for term in terms)]) for terms in conditions]
    return np.array(rows, dtype=np.bool_).reshape(len(conditions), known.n)


def numbers_of(term: Term, known: Seen) -> NDArray[np.float64]:
    """The count, share of words or confidence that a term is about [items]."""
    if term.kind == "confidence":
        return np.asarray(_known(known.confidence, "the reference's confidence"))
    if term.kind == "overlap":
        return overlap(known.segments[term.name], known.segments[term.segment])
    segments = [known.segments[term.segment]] if term.segment else known.segments.values()
    if not term.value:
        return next(measures[term.name] for s in segments if term.name in (measures := s.measures()))
    counts = [segment.counts(term.name) for segment in segments if term.name in segment.counted]
    return np.asarray(np.sum(counts, axis=0, dtype=np.float64))


def overlap(first: Iterable[str], second: Iterable[str]) -> NDArray[np.float64]:
    """The share of the second text's different words that occur in the first [items]; 0 if it has none."""
    shares = []
    for one, other in zip(first, second, strict=True):
        words = words_of(other)
        shares.append(len(words & words_of(one)) / len(words) if words else 0.0)
    return np.array(shares)


def _equal(term: Term, known: Seen) -> NDArray[np.bool_]:
    if term.kind == "column":
        values = known.columns[term.name]
    elif term.kind == "label":
        values = _known(known.label, "the label")
    else:
        values = _known(known.answer, "the reference's answer")
    return np.fromiter((value == term.value for value in values), np.bool_, known.n)


def _known(values: Any, what: str) -> Any:
    if values is None:
        raise ValueError(f"the condition is about {what}, which is not known of these items")
    return values


def _has_ends(term: Term) -> bool:
    return term.low is not None or term.high is not None


def _within(x: NDArray[np.float64], term: Term) -> NDArray[np.bool_]:
    inside = np.ones(len(x), dtype=np.bool_)
    if term.low is not None:
        inside &= x >= term.low
    if term.high is not None:
        inside &= x <= term.high
    return inside


def in_words(terms: Sequence[Term]) -> str:
    """A condition as what items do: "contain 'cf' and are labelled 'World'"."""
    merged: dict[Term, Term] = {}
    for term in terms:  # two ends of the same number are one range
        subject = replace(term, low=None, high=None)
        other = merged.get(subject, subject)
        low, high = (one if one is not None else two for one, two in ((term.low, other.low), (term.high, other.high)))
        merged[subject] = replace(term, low=low, high=high)
    return " and ".join(map(_in_words, merged.values()))


def _in_words(term: Term) -> str:
    where = f" in {term.segment}" if term.segment else ""
    ends = _ends(term)
    if term.kind == "count" and not term.value:
        return f"have {with_article(term.name)} of {ends}{where}"
    return {
        "column": f"have {term.name} = {term.value}",
        "label": f"are labelled {term.value!r}",
        "answer": f"are answered {term.value!r} by the reference",
        "word": f"contain {term.value!r}{where}",
        "form": f"contain {term.value}{where}",
        "first word": f"begin with {term.value!r}{where}",
        "last word": f"end with {term.value!r}{where}",
        "count": f"have {ends} {term.value}{'' if ends.endswith(' 1') else 's'}{where}",
        "overlap": f"have {ends} of the words of {term.segment} in {term.name}",
        "confidence": f"are answered by the reference with a confidence of {ends}",
    }[term.kind]


def _ends(term: Term) -> str:
    def number(x: float) -> str:
        count = f"{x:,.0f}" if float(x).is_integer() else f"{x:,g}"
        return {"overlap": f"{x:.0%}", "confidence": f"{x:.2f}"}.get(term.kind, count)

    if term.low is None:
        return "" if term.high is None else f"at most {number(term.high)}"
    return f"at least {number(term.low)}" if term.high is None else f"{number(term.low)} to {number(term.high)}"
