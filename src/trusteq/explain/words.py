"""Units of text: the words (or sentences, or anything) of an item that an explanation gives weight to.

The cut looks at the text alone, never at a tokenizer, so every model is asked about the same units. It relies on the
Unicode tables of the running Python; between Python versions only newly added characters can differ.

What is a unit under ``words``:

- A run of letters and digits with the marks that belong to it: accents, vowel signs, zero-width joiners, soft hyphens.
- Apostrophes, hyphens, middle dots and underscores *inside* a word belong to it (don't, l'homme, well-known,
  snake_case), and so do . , : / between two digits (3.14, 1,000, 10:30). Elsewhere a full stop or a slash parts words.
- @user and #tag, sign included, unless a word character stands right before the sign, as in an e-mail address.
- An emoji or other symbol (Unicode category So), whole: skin tone, variation selector, joined family, flag, keycap.
  The degree sign, the broken bar and box-drawing lines (U+2500-259F) count as punctuation.
- In scripts written without spaces, one character with its marks, and with the consonants stacked below it. They are
  the ranges in ``_UNSPACED``: Han, Kana, Bopomofo, Yi, Tangut, Nushu, Khitan, Thai, Lao, Khmer, Myanmar and the Tai
  scripts. Hangul has spaces: words. Tibetan is parted at its syllable marks. Decimal digits always form numbers.

Punctuation is never a unit and always stays, as in LIME (Ribeiro et al., 2016). Separators and special tokens cannot
be units because segments stay separate. A word that occurs twice is two units; ``merge_equal`` makes one unit of
exactly equal words in all segments, as LIME does.

What is left out under ``write``:

- All kept: exactly the given texts.
- A removed unit takes the whitespace directly before it along. One exception: where that would run two kept units
  together ("so 😀fine" without the 😀), the whitespace stays.
- Where the text began with a removed unit, whitespace that would then lead the segment goes too.
- All else stays as it is. A segment may become empty.
- With a replacement, nothing but the unit's own text changes.
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
"""What can become of a unit left out: nothing is left in its place, as every kind of units allows; or the mask token of
a model's tokenizer is, or else a text."""


@dataclass(frozen=True, eq=False)
class TextUnits:
    """The units of one item, and its texts with units left out.

    texts: the item's segments, exactly as given.
    spans: segment, start and end (in characters, end exclusive) of every span [spans, 3]; in reading order, never
        overlapping, never empty.
    unit: the unit that each span belongs to [spans], 0 to units - 1; one span a unit unless equal words are merged.
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
        """Where each unit's first span begins and ends, in characters [units]."""
        return {"start": self.spans[self._first, 1], "end": self.spans[self._first, 2]}

    def content(self) -> tuple[Any, ...]:
        """The texts, the spans and whose they are."""
        return self.texts, self.spans.tolist(), self.unit.tolist()

    def render(self, kept: NDArray[np.bool_], perturb: str) -> tuple[Texts, ...]:
        """The texts of every mask [masks, units], a segment of them each; those left out removed, or as ``perturb``."""
        if perturb == MASK:
            raise OptionError("has no tokenizer and so no mask token; leave words out instead (remove)")
        return tuple(map(Texts, zip(*self.write_many(kept, None if perturb == REMOVE else perturb), strict=True)))

    def write(self, kept: NDArray[np.bool_], replacement: str | None = None) -> tuple[str, ...]:
        """The texts [segments] with only the kept units [units]; the others removed, or written as ``replacement``."""
        if kept.shape != (len(self),):
            raise ValueError(f"kept must be [{len(self)}], one value a unit, found {list(kept.shape)}")
        return self._write(kept.tolist(), replacement)

    def write_many(self, kept: NDArray[np.bool_], replacement: str | None = None) -> list[tuple[str, ...]]:
        """``write`` for each row of ``kept`` [rows, units]."""
        if kept.ndim != 2 or kept.shape[1] != len(self):
            raise ValueError(f"kept must be [rows, {len(self)}], one value a unit, found {list(kept.shape)}")
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
            owed = ""  # whitespace that went with removed units; comes back before a kept unit that would be run into
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
            # Does a removed unit start the text? Then no blank may lead it now.
            if pieces and not kept[pieces[0][0]] and not pieces[0][2]:
                text = text.lstrip()
            texts.append(text)
        return tuple(texts)

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """Where each unit's first span is in ``spans`` [units]."""
        return np.unique(self.unit, return_index=True)[1].astype(np.int64)


@lru_cache(maxsize=16)
def _pieces(units: TextUnits) -> tuple[tuple[list[tuple[int, str, str, str, str]], str], ...]:
    """For every segment its spans and the text after the last; kept only while an item's texts are written.

    A span: its unit; the text between it and the span before, whole and parted into what always stays and the
    whitespace that goes with the unit; its own text.
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
    """The words of the texts [segments]; with ``merge_equal`` exactly equal ones are one unit."""
    return _matches(_word_pattern(), texts, merge_equal=merge_equal)


def sentences(texts: tuple[str, ...]) -> TextUnits:
    """The sentences of the texts [segments], each with its punctuation and without the whitespace around it.

    A sentence ends at a line break, after . ! ? … or its like (closing quotes and brackets included) before
    whitespace, and after the full-width 。！？ whatever follows. Abbreviations may therefore end one. A stretch with
    no word in it ("* * *") is no unit.
    """
    spans = []
    for segment, text in enumerate(texts):
        start = 0
        for end in (*_sentence_ends(text), len(text)):
            sentence = text[start:end]
            if _word_pattern().search(sentence):
                left = start + len(sentence) - len(sentence.lstrip())
                spans.append((segment, left, left + len(sentence.strip())))
            start = end
    return _units(texts, spans)


def by_pattern(pattern: str) -> CutTexts:
    """A cut whose units are the matches of a regular expression; a text without a match has no units."""
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise DataError(f"units: {pattern!r} is no regular expression: {error}") from None
    if compiled.match(""):
        raise DataError(f"units: the pattern {pattern!r} can match nothing at all; write + instead of *, or name more")
    return partial(_matches, compiled)


def from_spans(texts: tuple[str, ...], spans: Sequence[Span]) -> TextUnits:
    """One unit for each of the given spans (segment, start, end in characters), numbered in reading order."""
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
            raise DataError(f"units: spans {before} and {span} overlap; part them or leave one out")
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
                f"units: the pattern {pattern.pattern!r} matches nothing at character {start} of segment {segment}; "
                "a unit must have at least one character"
            )
    if not merge_equal:
        return _units(texts, spans)
    number: dict[str, int] = {}
    unit = [number.setdefault(texts[segment][start:end], len(number)) for segment, start, end in spans]
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
# Letters to Unicode, yet part of the character before: Thai and Lao am, half-width voicing marks.
_LETTERS_AS_MARKS = "\u0e33\u0eb3\uff9e\uff9f"


@cache
def _word_pattern() -> re.Pattern[str]:
    r"""A pattern that matches one word, by the rules at the top.

    ``\w`` knows no combining marks and ``re`` no categories, so the character classes come from ``unicodedata``.
    """
    # The first 0x20000 characters; beyond them there is only Han, and the selectors that are named here.
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
    """The inside of a character class: the characters whose place in ``text`` the pattern matches.

    Each character takes ``width`` places; the first is that of code point ``first``.
    """
    spans = [match.span() for match in re.finditer(pattern, text)]
    return "".join(f"{chr(first + start // width)}-{chr(first + end // width - 1)}" for start, end in spans)
