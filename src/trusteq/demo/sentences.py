"""The demo's sentences: what people said of each, the label that follows, and who learns from which.

Hutto and Gilbert (2014) showed 23,703 sentences from tweets, film reviews, product reviews and newspaper editorials to
people who rated each from -4 (extremely negative) over 0 (neutral) to 4 (extremely positive); 15 to 99 people a
sentence. Every single rating is published. The label is what the mean rating rounds to: negative where it is -0.5 or
lower, positive where it is 0.5 or higher, else neutral.
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
"""What we call a source, and what its two files are called after."""

LABELS = ("negative", "neutral", "positive")

BOUNDARY = 0.5
"""A mean rating this far from 0 is no longer neutral: it rounds to another step of the scale."""

AGREED, DIVIDED = 0.9, 2 / 3
"""People agree where at least the first share of them says what the label says; below the second they are divided."""


@dataclass(frozen=True)
class Sentence:
    """A text and every rating that people gave it; ``document``: the article or review that it stands in, if known."""

    id: str
    text: str
    source: str
    document: str
    ratings: tuple[int, ...]

    @property
    def label(self) -> str:
        """The mean rating in a word."""
        mean = float(np.mean(self.ratings))
        return LABELS[1 + (mean >= BOUNDARY) - (mean <= -BOUNDARY)]

    @property
    def agreement(self) -> float:
        """The share of people whose own rating says what the label says."""
        said = np.sign(self.ratings) + 1
        return float(np.mean(said == LABELS.index(self.label)))

    @property
    def people(self) -> str:
        """The agreement in a word."""
        if self.agreement >= AGREED:
            return "agree"
        return "mostly agree" if self.agreement >= DIVIDED else "are divided"


def read_sentences(folder: Path) -> list[Sentence]:
    """All sentences in the folder, in the order of its files; of texts that repeat each other only the first."""
    seen: set[str] = set()
    found = []
    for source, stem in SOURCES.items():
        ratings = {
            id_: _ratings(given, where) for id_, given, where in _rows(folder / f"{stem}_anonDataRatings.txt", 4)
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
            found.append(Sentence(f"{source}-{id_}", text, source, f"{source}-{document}", ratings[id_]))
    return found


def bare(text: str) -> str:
    """The words of a text without case, punctuation and signs: what tells whether two texts are the same."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _rows(file: Path, fields: int) -> Iterator[tuple[str, str, str]]:
    """Id, last field, and place of every row of one of the files."""
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


def _ratings(given: str, where: str) -> tuple[int, ...]:
    """The numbers in "[1, 0, -2]"."""
    try:
        numbers = tuple(int(part) for part in given.strip().strip("[]").split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(-4 <= number <= 4 for number in numbers):
        raise DataError(f"{where}: ratings must be whole numbers from -4 to 4, found {given[:60]!r}")
    return numbers


@dataclass(frozen=True)
class Split:
    """Sentences to learn from, to choose the epoch by, and to judge by; no document is in two of them."""

    train: tuple[Sentence, ...]
    dev: tuple[Sentence, ...]
    test: tuple[Sentence, ...]


def split(sentences: Sequence[Sentence], *, train: int, dev: int, test: int, seed: int) -> Split:
    """So many sentences for each, documents in a random order that their names and the seed alone decide."""
    documents: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        documents.setdefault(sentence.document, []).append(sentence)

    def rank(document: str) -> bytes:
        return hashlib.sha256(f"{seed} {document}".encode()).digest()

    waiting = iter(sorted(documents, key=rank))
    parts = []
    for wanted in (test, dev, train):
        part: list[Sentence] = []
        while len(part) < wanted:
            document = next(waiting, None)
            if document is None:
                raise DataError(f"{len(sentences):,} sentences are fewer than the {train + dev + test:,} asked for")
            part += documents[document]
        parts.append(tuple(part[:wanted]))
    return Split(parts[2], parts[1], parts[0])


def as_items(sentences: Sequence[Sentence], *, source: str) -> Items:
    """The sentences as an audit reads them: sliced by source and by what people say, documents resampled whole."""
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
