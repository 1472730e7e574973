"""Units: both halves of a text."""

from trusteq.explain.units import Cut
from trusteq.explain.words import from_spans


def halves(texts):
    (text,) = texts
    middle = len(text) // 2
    return from_spans(texts, [(0, 0, middle), (0, middle, len(text))])


HALVES = Cut(frozenset({"text"}), "half", halves, ("start", "end"), None)
