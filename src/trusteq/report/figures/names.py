"""The user's names, labels and words as a figure can show them: on one line, harmless, and not too long."""

from __future__ import annotations

import unicodedata

from trusteq.data.clean import clean

ELLIPSIS = "…"
_MOST_ACCENTS = 2
"""Combining marks drawn on one letter; more would run into the lines above."""


def shortened(text: str, limit: int = 24) -> str:
    """The text without control characters and at most ``limit`` letters wide, cut in the middle.

    Names of models differ at their ends ("bert-base-uncased-int8"), so both ends stay.
    """
    letters = _letters(clean(text).strip())
    if not letters:
        return "(empty)"
    if sum(map(_width, letters)) <= limit:
        return "".join(letters)
    tail = _fitting(letters[::-1], (limit - 1) // 2)[::-1]
    head = _fitting(letters, limit - 1 - sum(map(_width, tail)))
    return "".join([*head, ELLIPSIS, *tail])


def _letters(text: str) -> list[str]:
    """The text letter by letter, each with its accents."""
    letters: list[str] = []
    for character in text:
        if unicodedata.combining(character) and letters:
            if len(letters[-1]) <= _MOST_ACCENTS:
                letters[-1] += character
        else:
            letters.append(character)
    return letters


def _width(letter: str) -> int:
    """A letter's width in ordinary letters; a ligature counts as the letters it stands for."""
    plain = unicodedata.normalize("NFKC", letter[0])
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in plain)


def _fitting(letters: list[str], room: int) -> list[str]:
    """As many of the first letters as fit."""
    fitting: list[str] = []
    for letter in letters:
        room -= _width(letter)
        if room < 0:
            break
        fitting.append(letter)
    return fitting
