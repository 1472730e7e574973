"""Text that is safe to show: nothing in it can send commands to a terminal or hide other text.

Printable characters are shown, and those that ordinary writing needs besides: non-breaking spaces, and characters
without a width where they change how their neighbours look. A joiner between emoji makes one of them; in scripts from
Arabic to Sinhala, in Myanmar, Khmer and Mongolian it shapes letters; in Thai, Lao, Myanmar and Khmer an invisible space
separates words. Anywhere else these could make two names look the same, so there they are replaced, as soft hyphens
always are.
"""

from __future__ import annotations

import re

_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_SIGNS = "\u0600-\u0605\u06dd\u0890\u0891\u08e2"
"""Arabic signs around or under numbers: format characters in Unicode, but visible."""
_SHAPED = "\u0620-\u0dff\u1000-\u109f\u1780-\u18af"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_PICTURES = "\u2194\u2195\u2600-\u27bf\u2b1b\U0001f000-\U0001faff"
_FLAGS = "|".join(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"
    for region in ("gbeng", "gbsct", "gbwls")
)
"""England, Scotland and Wales: the only flags that are written with tags, which are otherwise invisible."""

_TYPOGRAPHY = re.compile(
    f"[{_SPACES}{_SIGNS}]"
    f"|(?<=[{_PICTURES}\ufe0f])\u200d(?=[{_PICTURES}])"
    f"|(?<=[{_SHAPED}])(?:\u200d|\u200c(?=[{_SHAPED}]))"
    f"|(?<=[{_UNSPACED}])\u200b(?=[{_UNSPACED}])"
    f"|{_FLAGS}"
)


def clean(text: str) -> str:
    """The text, character for character, with U+FFFD for those that could command a terminal, hide or reverse text."""
    if text.isprintable():
        return text
    shown = {position for match in _TYPOGRAPHY.finditer(text) for position in range(*match.span())}
    return "".join(
        character if character.isprintable() or position in shown else "\ufffd"
        for position, character in enumerate(text)
    )
