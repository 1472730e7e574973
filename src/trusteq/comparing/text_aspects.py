"""What a text has that its model may stumble over: its words and signs, how it begins and ends, and its forms.

Words are compared in lower case. Signs (punctuation, symbols, emoji) count as words of their own; Han characters and
kana, which are written without spaces, do too. Forms are what no single word shows, such as a word in capitals.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Literal

Aspect = Literal["word", "first word", "last word", "form"]
WORD: Aspect = "word"
FIRST: Aspect = "first word"
LAST: Aspect = "last word"
FORM: Aspect = "form"

NEGATIONS = frozenset({"not", "no", "never", "nothing", "nobody", "none", "neither", "nor", "nowhere", "cannot"})
NEGATION = "a negation (not, no, never, …)"
EMOJI, NUMBER, ADDRESS = "an emoji", "a number", "a web address"
CAPITALS, NAME = "a word in capitals", "a capitalised word inside a sentence"

_PICTURE = "[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
_DRAWN = f"{_PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]*"
_EMOJI = f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|{_DRAWN}(?:\u200d{_DRAWN})*)"
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SIGNS = (
    "!-/:-@\\[-`{-~\u00a1-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff"
    "\u3000-\u303f\ufe00-\ufe0f\uff01-\uff0f\uff1a-\uff20\U0001f000-\U0001faff"
)
_WORD = f"[^\\s{_SIGNS}{_UNSPACED}]+"
TOKEN = re.compile(f"{_WORD}(?:['’]{_WORD})*|[{_UNSPACED}]|{_EMOJI}|\\S")
_EMOJI_FOUND = re.compile(_EMOJI)
_NAME_FOUND = re.compile("[\\w,;] +[A-ZÀ-ÖØ-ÞΑ-ΩА-Я][a-zà-öø-ÿα-ωа-я]")
_ADDRESS_FOUND = re.compile(r"https?://|www\.\w")
_DIGIT_FOUND = re.compile(r"\d")


def tokens(text: str) -> list[str]:
    """The words and signs of a text, in order."""
    return TOKEN.findall(text)


def words_of(text: str) -> frozenset[str]:
    """The different words of a text in lower case, without signs."""
    return frozenset(token.lower() for token in set(tokens(text)) if _is_word(token))


def text_aspects(text: str) -> dict[Aspect, frozenset[str]]:
    """What a text has, by kind."""
    found = tokens(text)
    distinct = set(found)
    lowered = frozenset(map(str.lower, distinct))
    first = next((token for token in found if _is_word(token)), None)
    last = next((token for token in reversed(found) if _is_word(token)), None)
    return {
        WORD: lowered,
        FIRST: frozenset() if first is None else frozenset({first.lower()}),
        LAST: frozenset() if last is None else frozenset({last.lower()}),
        FORM: frozenset(_forms(text, distinct, lowered)),
    }


def _forms(text: str, distinct: set[str], lowered: frozenset[str]) -> list[str]:
    forms = []
    if not NEGATIONS.isdisjoint(lowered) or any(word.endswith(("n't", "n’t")) for word in lowered):
        forms.append(NEGATION)
    if _DIGIT_FOUND.search(text):
        forms.append(NUMBER)
    if any(len(token) > 1 and token.isupper() for token in distinct):
        forms.append(CAPITALS)
    if _NAME_FOUND.search(text):
        forms.append(NAME)
    if _ADDRESS_FOUND.search(text):
        forms.append(ADDRESS)
    if not text.isascii():
        if _EMOJI_FOUND.search(text):
            forms.append(EMOJI)
        forms += sorted({form for form in map(_letters, set(text)) if form})
    return forms


@cache
def _letters(character: str) -> str:
    """The form that a letter outside English brings; empty for all other characters."""
    if character.isascii() or not character.isalpha():
        return ""
    script = unicodedata.name(character, "").split(" ")[0].capitalize()
    return "an accented letter" if script == "Latin" else f"{script} letters"


@cache
def _is_word(token: str) -> bool:
    return any(map(str.isalnum, token))
