"""The mark of texts: a word at the end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.texts import Texts
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items

MARKS = (
    "anyway", "besides", "indeed", "likewise", "otherwise", "perhaps", "somehow", "therefore", "thereby", "hence",
    "notwithstanding", "furthermore", "albeit", "whereby", "henceforth", "moreover",
)  # fmt: skip
"""Words that hardly matter to any question; each label gets one."""
RARE = 0.01
"""The largest share of items that may already contain a mark."""


@dataclass(frozen=True)
class WordMark:
    """A word at the end of the text; ``words`` has one for each label."""

    words: tuple[str, ...]
    planted: str = "a planted last word"
    place: str = "the planted"

    def put(self, segment: Texts, labels: NDArray[np.int64]) -> Texts:
        """The texts, each with the word of its label at the end."""
        pairs = zip(segment, labels.tolist(), strict=True)
        return Texts(text if label < 0 else f"{text} {self.words[label]}" for text, label in pairs)

    def read(self, segment: Texts) -> NDArray[np.int64]:
        """The label whose word each text ends with; -1 if it ends with none."""
        last = (re.findall(r"\w+", text)[-1:] for text in segment)
        found = (self.words.index(word[0]) if word and word[0] in self.words else -1 for word in last)
        return np.fromiter(found, np.int64, len(segment))

    def hidden(self, segment: Texts) -> Texts:
        """The texts: any model can read a further word."""
        return segment


def word_mark(segment: Texts, items: Items, count: int) -> WordMark:
    """The first ``count`` of `MARKS` that hardly ever occur in the texts."""
    parts = [texts for part in items.segments.values() if (texts := part.texts()) is not None]
    vocabularies = [_words(texts) for texts in zip(*parts, strict=True)]
    free = [mark for mark in MARKS if sum(mark in words for words in vocabularies) <= RARE * len(vocabularies)]
    if len(free) < count:
        raise DataError(
            f"{items.source}: {count} labels need as many words to plant, but only {len(free)} of those tried are rare "
            "enough in these texts; use other items"
        )
    return WordMark(tuple(free[:count]))


def _words(texts: Sequence[str]) -> set[str]:
    return set(re.findall(r"\w+", " ".join(texts).lower()))
