"""The demo's sentences: how people rated each, the label that follows, and the split into train, dev and test.

Hutto and Gilbert (2014) showed 23,703 sentences from tweets, film reviews, product reviews and newspaper editorials to
people who rated each from -4 (extremely negative) over 0 (neutral) to 4 (extremely positive); 15 to 99 people a
sentence. Every single rating is published. The label comes from the mean rating: negative if it is -0.5 or lower,
positive if it is 0.5 or higher, otherwise neutral.
"""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.items import Items
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SOURCES = {
    "tweets": "tweets",
    "films": "movieReviewSnippets",
    "products": "amazonReviewSnippets",
    "editorials": "nytEditorialSnippets",
}
"""Our name of each source, and the stem of its two files' names."""

LABELS = ("negative", "neutral", "positive")

BOUNDARY = 0.5
"""A mean rating this far from 0 is no longer neutral: it rounds to -1 or 1, or beyond."""

AGREED, DIVIDED = 0.9, 2 / 3
"""If at least the first share of people give the label's rating they agree; below the second they are divided."""


@dataclass(frozen=True)
class Sentence:
    """A text and every rating that people gave it. document: the article or review that it comes from, if known."""

    id: str
    text: str
    source: str
    document: str
    ratings: tuple[int, ...]

    @property
    def label(self) -> str:
        """The mean rating as a label."""
        mean = float(np.mean(self.ratings))
        return LABELS[1 + (mean >= BOUNDARY) - (mean <= -BOUNDARY)]

    @property
    def agreement(self) -> float:
        """The share of people whose own rating has the sign of the label."""
        codes = np.sign(self.ratings) + 1
        return float(np.mean(codes == LABELS.index(self.label)))

    @property
    def people(self) -> str:
        """The agreement in words."""
        if self.agreement >= AGREED:
            return "agree"
        return "mostly agree" if self.agreement >= DIVIDED else "are divided"


def read_sentences(folder: Path) -> list[Sentence]:
    """All sentences in the folder, in the order of its files; of repeated texts only the first."""
    seen: set[str] = set()
    sentences = []
    for source, stem in SOURCES.items():
        ratings = {
            id_: _ratings(field, where) for id_, field, where in _rows(folder / f"{stem}_anonDataRatings.txt", 4)
        }
        for id_, text, where in _rows(folder / f"{stem}_GroundTruth.txt", 3):
            if id_ not in ratings:
                raise DataError(f"{where}: sentence {id_!r} has no ratings in {stem}_anonDataRatings.txt")
            text = html.unescape(text).strip()
            words = bare(text)
            if not words or words in seen:
                continue
            seen.add(words)
            # Products and editorials are numbered by review or article, and by sentence within it.
            document = id_.rpartition("_")[0] or id_
            sentences.append(Sentence(f"{source}-{id_}", text, source, f"{source}-{document}", ratings[id_]))
    return sentences


def bare(text: str) -> str:
    """The words of a text without case, punctuation or symbols, to tell whether two texts are the same."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _rows(file: Path, fields: int) -> Iterator[tuple[str, str, str]]:
    """Id, last field, and location of every row of one of the files."""
    try:
        lines = file.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = line.rstrip("\r").split("\t")
        if len(row) != fields:
            raise DataError(f"{file}: line {number}: {len(row)} fields, expected {fields}: {line[:60]!r}")
        yield row[0].strip(), row[-1], f"{file}: line {number}"


def _ratings(field: str, where: str) -> tuple[int, ...]:
    """The numbers in "[1, 0, -2]"."""
    try:
        numbers = tuple(int(part) for part in field.strip().strip("[]").split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(-4 <= number <= 4 for number in numbers):
        raise DataError(f"{where}: ratings must be whole numbers from -4 to 4, found {field[:60]!r}")
    return numbers


@dataclass(frozen=True)
class Split:
    """Sentences to train on, to choose the best epoch on, and to audit on; no document is in two of them."""

    train: tuple[Sentence, ...]
    dev: tuple[Sentence, ...]
    test: tuple[Sentence, ...]


def split(sentences: Sequence[Sentence], *, train: int, dev: int, test: int, seed: int) -> Split:
    """The given number of sentences for each part; the documents' order depends only on their names and the seed."""
    documents: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        documents.setdefault(sentence.document, []).append(sentence)

    def rank(document: str) -> bytes:
        return hashlib.sha256(f"{seed} {document}".encode()).digest()

    shuffled = iter(sorted(documents, key=rank))
    parts = []
    for size in (test, dev, train):
        part: list[Sentence] = []
        while len(part) < size:
            document = next(shuffled, None)
            if document is None:
                raise DataError(f"{len(sentences):,} sentences are fewer than the {train + dev + test:,} needed")
            part += documents[document]
        parts.append(tuple(part[:size]))
    return Split(parts[2], parts[1], parts[0])


def as_items(sentences: Sequence[Sentence], *, source: str) -> Items:
    """The sentences as items: sliced by source and by people's agreement, with documents as clusters."""
    return Items(
        ids=[sentence.id for sentence in sentences],
        segments={"text": [sentence.text for sentence in sentences]},
        labels=np.array([LABELS.index(sentence.label) for sentence in sentences], dtype=np.int64),
        label_names=LABELS,
        columns={
            "source": [sentence.source for sentence in sentences],
            "people": [sentence.people for sentence in sentences],
        },
        clusters=[sentence.document for sentence in sentences],
        source=source,
    )
