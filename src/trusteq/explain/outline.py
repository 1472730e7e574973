"""Units of long texts: the words of the few sentences that matter most, and every other sentence as a whole.

A text of hundreds of words has too many words for a plan of a few hundred masks. So its sentences are left out first,
and the reference alone answers (`Outline`); then the sentences with the largest Shapley values are opened, that is, cut
into words. No candidate has a say in this, so the units are the same whatever else is compared. The first masks are
drawn independently of those of the final units, so choosing by them does not bias the agreement.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.padded_arrays import rounded
from trusteq.explain.words import Span, TextUnits, from_spans, sentences, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEW_WORDS = 60
"""An item of at most so many words is cut into words throughout."""

OPENED_WORDS = 40
"""The opened sentences of an item have together at most so many words, except that the first is always opened."""


@dataclass(frozen=True, eq=False)
class Outline(TextUnits):
    """The sentences of a long item, some of which are still to be opened."""

    def opened(self, weights: NDArray[np.float64]) -> TextUnits:
        """The words of the sentences with the largest absolute ``weights`` [sentences], and the others as a whole.

        Of equal weights, the earlier sentence counts as the larger.
        """
        every: list[Span] = [(segment, start, end) for segment, start, end in words(self.texts).spans.tolist()]
        whole: list[Span] = [(segment, start, end) for segment, start, end in self.spans.tolist()]
        inside = [
            every[bisect_left(every, (segment, start)) : bisect_left(every, (segment, end))]
            for segment, start, end in whole
        ]
        order = np.argsort(-np.abs(rounded(weights[None])[0]), kind="stable").tolist()
        held = np.cumsum([len(inside[i]) for i in order])
        opened = order[: max(1, int(np.searchsorted(held, OPENED_WORDS, side="right")))]
        closed = [span for i, span in enumerate(whole) if i not in opened]
        return from_spans(self.texts, [*closed, *(word for i in opened for word in inside[i])])


def sentences_then_words(texts: tuple[str, ...]) -> TextUnits:
    """The words of a short item; the `Outline` of one of more than `FEW_WORDS` words and more than one sentence."""
    short, parts = words(texts), sentences(texts)
    if len(short) <= FEW_WORDS or len(parts) < 2:
        return short
    return Outline(parts.texts, parts.spans, parts.unit)
