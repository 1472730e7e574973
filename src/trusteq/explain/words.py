"""Units of texts: the words, sentences or other parts of an item that get a weight in an explanation.

The cut depends only on the text, never on a tokenizer, so the units are the same for every model. It uses the Unicode
tables of the running Python; between Python versions, only newly added characters can differ.

The units of ``words``:

- A run of letters and digits with their marks: accents, vowel signs, zero-width joiners, soft hyphens.
- Apostrophes, hyphens, middle dots and underscores *inside* a word belong to it (don't, l'homme, well-known,
  snake_case), and so do . , : / between two digits (3.14, 1,000, 10:30). Elsewhere, they separate words.
- @user and #tag, including the sign, unless a word character precedes it, as in an e-mail address.
- A complete emoji or other symbol (Unicode category So): skin tone, variation selector, family, flag, keycap.
  The degree sign, the broken bar and box-drawing lines (U+2500-259F) count as punctuation.
- In scripts written without spaces, one character with its marks and the consonants stacked below it. These scripts
  are the ranges in ``_UNSPACED``: Han, Kana, Bopomofo, Yi, Tangut, Nushu, Khitan, Thai, Lao, Khmer, Myanmar and the Tai
  scripts. Hangul has spaces, so its units are words. Tibetan is split at syllable marks. Digits always form numbers.

Punctuation is never a unit and always remains, as in LIME (Ribeiro et al., 2016). Separators and special tokens cannot
be units because segments remain separate. A word that occurs twice is two units; ``merge_equal`` makes one unit of
exactly equal words in all segments, as in LIME.

What ``write`` leaves out:

- If all units are kept, nothing: the texts are exactly the originals.
- A removed unit takes the whitespace directly before it along, except if that would join two kept units
  ("so 😀fine" without the 😀).
- If the text starts with a removed unit, the whitespace that would then start the segment is removed too.
- Everything else is unchanged. A segment may become empty.
- With a replacement, only the unit's own text changes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.texts import Texts
from trusteq.errors import DataError, OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Span = tuple[int, int, int]

REMOVE, MASK = "remove", "mask"
"""What can replace a unit left out: nothing, which all kinds of units support; or the mask token of a model's
tokenizer. Texts also support any other text."""


@dataclass(frozen=True, eq=False)
class TextUnits:
    """The units of one item, and its texts with units left out.

    texts: the item's original segments.
    spans: segment, start and end (in characters, end exclusive) of every span [spans, 3]; in reading order, never
        overlapping, never empty.
    unit: the unit of each span [spans], 0 to units - 1; one span per unit unless equal words are merged.
    """

    texts: tuple[str, ...]
    spans: NDArray[np.int64]
    unit: NDArray[np.int64]

    def __post_init__(self) -> None:
        spans, unit = np.array(self.spans, dtype=np.int64), np.array(self.unit, dtype=np.int64)
        _check(self.texts, spans)
        if unit.shape != spans.shape[:1] or set(unit.tolist()) != set(range(unit.max(initial=-1) + 1)):
            raise ValueError(f"unit must number {len(spans)} spans from 0 without gaps, found {unit.tolist()}")
        for name, values in (("spans", spans), ("unit", unit)):
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return len(self._first)

    @property
    def names(self) -> tuple[str, ...]:
        """The text of each unit's first span [units]."""
        return tuple(self.texts[segment][start:end] for segment, start, end in self.spans[self._first].tolist())

    @property
    def segments(self) -> NDArray[np.int64]:
        """The segment of each unit's first span [units]."""
        segments: NDArray[np.int64] = self.spans[self._first, 0]
        return segments

    @property
    def places(self) -> dict[str, NDArray[np.int64]]:
        """The start and end of each unit's first span, in characters [units]."""
        return {"start": self.spans[self._first, 1], "end": self.spans[self._first, 2]}

    def content(self) -> tuple[Any, ...]:
        """The texts, the spans and their units."""
        return self.texts, self.spans.tolist(), self.unit.tolist()

    def render(self, kept: NDArray[np.bool_], perturb: str) -> tuple[Texts, ...]:
        """The texts of every mask [masks, units], one segment each; other units are replaced as in ``perturb``."""
        if perturb == MASK:
            raise OptionError("has no tokenizer and so no mask token; use remove instead")
        return tuple(map(Texts, zip(*self.write_many(kept, None if perturb == REMOVE else perturb), strict=True)))

    def write(self, kept: NDArray[np.bool_], replacement: str | None = None) -> tuple[str, ...]:
        """The texts [segments] with only the kept units [units]; the others removed, or written as ``replacement``."""
        if kept.shape != (len(self),):
            raise ValueError(f"kept must be [{len(self)}], one value per unit, found {list(kept.shape)}")
        return self._write(kept.tolist(), replacement)

    def write_many(self, kept: NDArray[np.bool_], replacement: str | None = None) -> list[tuple[str, ...]]:
        """``write`` for each row of ``kept`` [rows, units]."""
        if kept.ndim != 2 or kept.shape[1] != len(self):
            raise ValueError(f"kept must be [rows, {len(self)}], one value per unit, found {list(kept.shape)}")
        return [self._write(row, replacement) for row in kept.tolist()]

    def _write(self, kept: list[bool], replacement: str | None) -> tuple[str, ...]:
        if all(kept):
            return self.texts
        if replacement is not None:
            return tuple(
                "".join([gap + (word if kept[unit] else replacement) for unit, gap, _, _, word in pieces]) + tail
                for pieces, tail in _pieces(self)
            )
        texts = []
        for pieces, tail in _pieces(self):
            written: list[str] = []
            owed = ""  # whitespace removed with units; restored before a kept unit that would touch the last
            for unit, gap, stays, blank, word in pieces:
                if kept[unit]:
                    written += (gap or owed, word)
                    owed = ""
                elif stays:
                    written.append(stays)
                    owed = blank
                else:
                    owed = owed or blank
            written.append(tail)
            text = "".join(written)
            # If a removed unit started the text, no whitespace may start it now.
            if pieces and not kept[pieces[0][0]] and not pieces[0][2]:
                text = text.lstrip()
            texts.append(text)
        return tuple(texts)

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """The position of each unit's first span in ``spans`` [units]."""
        return np.unique(self.unit, return_index=True)[1].astype(np.int64)


@lru_cache(maxsize=16)
def _pieces(units: TextUnits) -> tuple[tuple[list[tuple[int, str, str, str, str]], str], ...]:
    """The spans of each segment and the text after the last; cached only while an item's texts are written.

    A span: its unit; the text between it and the span before; that text split into what always remains and the
    whitespace that is removed with the unit; its own text.
    """
    spans: list[list[tuple[int, str, str, str, str]]] = [[] for _ in units.texts]
    done = [0] * len(units.texts)
    for (segment, start, end), unit in zip(units.spans.tolist(), units.unit.tolist(), strict=True):
        text = units.texts[segment]
        gap = text[done[segment] : start]
        stays = gap.rstrip()
        spans[segment].append((unit, gap, stays, gap[len(stays) :], text[start:end]))
        done[segment] = end
    return tuple((pieces, text[after:]) for pieces, text, after in zip(spans, units.texts, done, strict=True))


CutTexts = Callable[[tuple[str, ...]], TextUnits]


def words(texts: tuple[str, ...], *, merge_equal: bool = False) -> TextUnits:
    """The words of the texts [segments]; with ``merge_equal``, exactly equal words are one unit."""
    return _matches(_word_pattern(), texts, merge_equal=merge_equal)


def word_count(texts: tuple[str, ...]) -> int:
    """The number of words of the texts."""
    return sum(len(_word_pattern().findall(text)) for text in texts)


def sentences(texts: tuple[str, ...]) -> TextUnits:
    """The sentences of the texts [segments], each with its punctuation and without the whitespace around it.

    A sentence ends at a line break, after . ! ? … and similar marks (including closing quotes and brackets) before
    whitespace, and after full-width 。！？ in any case. Abbreviations may therefore end one. A part without words
    ("* * *") is not a unit.
    """
    spans = []
    for segment, text in enumerate(texts):
        start = 0
        for end in (*_sentence_ends(text), len(text)):
            sentence = text[start:end]
            if _word_pattern().search(sentence):
                first = start + len(sentence) - len(sentence.lstrip())
                spans.append((segment, first, first + len(sentence.strip())))
            start = end
    return _units(texts, spans)


def by_pattern(pattern: str) -> CutTexts:
    """A cut whose units are the matches of a regular expression; a text without a match has no units."""
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise DataError(f"units: {pattern!r} is not a regular expression: {error}") from None
    if compiled.match(""):
        raise DataError(f"units: the pattern {pattern!r} can match the empty text; use + instead of *")
    return partial(_matches, compiled)


def from_spans(texts: tuple[str, ...], spans: Sequence[Span]) -> TextUnits:
    """One unit for each of these spans (segment, start, end in characters), numbered in reading order."""
    try:
        values = np.asarray(spans) if len(spans) else np.empty((0, 3), dtype=np.int64)
    except (ValueError, OverflowError):  # rows of unequal length
        values = np.empty(0)
    if values.ndim != 2 or values.shape[1] != 3 or not np.issubdtype(values.dtype, np.integer):
        raise DataError("units: each span must be three whole numbers: segment, start, end")
    return _units(texts, sorted(tuple(span) for span in values.tolist()))


def _check(texts: tuple[str, ...], spans: NDArray[np.int64]) -> None:
    if spans.ndim != 2 or spans.shape[1] != 3:
        raise ValueError(f"spans must be [spans, 3]: segment, start, end; found {list(spans.shape)}")
    before: Span | None = None
    for segment, start, end in spans.tolist():
        span = (segment, start, end)
        if not 0 <= segment < len(texts):
            raise DataError(f"units: span {span}: there is no segment {segment}; the item has {len(texts)}, from 0")
        if start < 0 or end > len(texts[segment]):
            raise DataError(
                f"units: span {span} is outside segment {segment}, which has {len(texts[segment])} characters"
            )
        if start >= end:
            raise DataError(f"units: span {span} is empty; its end must come after its start")
        if before is not None and before[0] == segment and start < before[2] and before[1] < end:
            raise DataError(f"units: spans {before} and {span} overlap; separate them or remove one")
        if before is not None and span < before:
            raise ValueError(f"spans must be in reading order, found {span} after {before}")
        before = span


def _units(texts: tuple[str, ...], spans: Sequence[Span], unit: Sequence[int] | None = None) -> TextUnits:
    return TextUnits(
        texts=tuple(texts),
        spans=np.array(spans, dtype=np.int64).reshape(-1, 3),
        unit=np.array(range(len(spans)) if unit is None else unit, dtype=np.int64),
    )


def _matches(pattern: re.Pattern[str], texts: tuple[str, ...], *, merge_equal: bool = False) -> TextUnits:
    spans = [(segment, *match.span()) for segment, text in enumerate(texts) for match in pattern.finditer(text)]
    for segment, start, end in spans:
        if start == end:
            raise DataError(
                f"units: the pattern {pattern.pattern!r} matches the empty text at character {start} of segment "
                f"{segment}; a unit must have at least one character"
            )
    if not merge_equal:
        return _units(texts, spans)
    number_of: dict[str, int] = {}
    unit = [number_of.setdefault(texts[segment][start:end], len(number_of)) for segment, start, end in spans]
    return _units(texts, spans, unit)


_SENTENCE_END = re.compile(
    r"""(?P<marks>[.!?…‼⁇⁈⁉؟۔।॥։።។៕။。！？｡]+)[\"'”’»›)\]}）」』】》〉］｝＂＇]*|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]"""
)


def _sentence_ends(text: str) -> Iterator[int]:
    for match in _SENTENCE_END.finditer(text):
        marks, end = match["marks"], match.end()
        if marks is None or text[end : end + 1].isspace() or not _WIDE.isdisjoint(marks):
            yield end


_WIDE = frozenset("。！？｡")

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x3005, 0x3007),  # Han iteration mark, closing mark, zero
    (0x3021, 0x303C),  # Hangzhou numerals, vertical kana repeat marks
    (0x3040, 0x312F),  # Hiragana, Katakana, Bopomofo
    (0x3190, 0x31FF),  # Kanbun, Bopomofo and Katakana extensions
    (0xA000, 0xA4CF),  # Yi
    (0xA9E0, 0xA9FF),  # Myanmar
    (0xAA60, 0xAADF),  # Myanmar, Tai Viet
    (0xF900, 0xFAFF),  # Han
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x16FE0, 0x18DFF),  # Tangut, Khitan
    (0x1AFF0, 0x1B2FF),  # Kana extensions, Nushu
)  # and the Han blocks without gaps: 0x3400-0x4DBF, 0x4E00-0x9FFF, 0x20000-0x3FFFF
# Letters in Unicode, but part of the character before: Thai and Lao am, half-width voicing marks.
_LETTERS_AS_MARKS = "\u0e33\u0eb3\uff9e\uff9f"


@cache
def _word_pattern() -> re.Pattern[str]:
    r"""A pattern that matches one word, by the rules at the top.

    ``\w`` excludes combining marks and ``re`` has no categories, so the character classes come from ``unicodedata``.
    """
    # The first 0x20000 characters; beyond them there are only Han and the selectors that are listed here.
    characters = np.arange(0x20000, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    categories = "".join(map(unicodedata.category, characters))  # two letters each
    marks = _ranges("(?:M.)+", categories, width=2) + "\U000e0100-\U000e01ef"
    pictures = _ranges("(?:So)+", categories, width=2) + "◽◾"
    unspaced = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff" + "".join(
        _ranges(r"[^\W\d]+", characters[first : last + 1], first=first) for first, last in _UNSPACED
    )
    belongs = marks + _LETTERS_AS_MARKS + "\u00ad\u200c\u200d\u2060"
    joins = "'’‘＇´·‧׳״‐‑֊־-"  # a hyphen last is itself in a character class
    letters = rf"[^\W_{unspaced}]"
    run = rf"{letters}+(?:[{belongs}]+{letters}*)*"
    between = rf"""(?:[{joins}]|_+|(?<=\d)[.,:/٫٬．，：／](?=\d)|(?<=[א-ת])"(?=[א-ת]))"""
    cluster = rf"[{unspaced}][{belongs}]*"
    stacked = rf"(?<=[\u1039\u17d2\u1a60]){cluster}"  # the signs that put the next consonant below the last
    flag = "[\U0001f1e6-\U0001f1ff]{2}"
    keycap = r"[#*](?=\ufe0f?\u20e3)"
    picture = rf"(?:{flag}|{keycap}|[‼⁉〰〽↔⤴⤵◻◼](?=\ufe0f)|(?![¦°\u2500-\u259f])[{pictures}])"
    extended = rf"{picture}[{marks}\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
    return re.compile(
        rf"{run}(?:{between}{run})*"
        rf"|{cluster}(?:{stacked})*"
        rf"|(?<!\w)[@#＠＃]_*[^\W_][\w{belongs}]*(?:[{joins}](?=[^\W_])[\w{belongs}]*)*"
        rf"|{extended}(?:\u200d{extended})*"
    )


def _ranges(pattern: str, text: str, *, width: int = 1, first: int = 0) -> str:
    """The content of a character class: the characters whose position in ``text`` the pattern matches.

    Each character takes ``width`` positions; the first is code point ``first``.
    """
    spans = [match.span() for match in re.finditer(pattern, text)]
    return "".join(f"{chr(first + start // width)}-{chr(first + end // width - 1)}" for start, end in spans)
