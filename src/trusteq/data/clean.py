"""Text that is safe to show: nothing in it can send commands to a terminal or hide other text.

Printable characters are shown, and those that ordinary writing needs besides: non-breaking spaces, and characters
without a width where they change how their neighbours look. A joiner between emoji makes one of them; in scripts from
Arabic to Sinhala, in Myanmar, Khmer and Mongolian it shapes letters; in Thai, Lao, Myanmar and Khmer an invisible space
separates words. Anywhere else these could make two names look the same, so there they are replaced, as soft hyphens
always are. Characters of a later Unicode than Python's, such as this year's emoji, and those for private use command
nothing, and are shown.
"""

from __future__ import annotations

import re
import unicodedata

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

_INVISIBLE = re.compile("[\u2065\ufff0-\ufff8\U000e0000-\U000e0fff]")
"""Code points that Unicode keeps for characters without a width."""
_TIED = frozenset("\u200d\u20e3\ufe0e\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
"""What belongs to the character before it: joiners, signs of how it is drawn, colours of skin."""

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
        character if character.isprintable() or position in shown or _is_unknown(character) else "\ufffd"
        for position, character in enumerate(text)
    )


def begun(text: str, length: int) -> str:
    """The text, cut after so many characters and an ellipsis if it is longer, but not inside a joined character."""
    if len(text) <= length:
        return text
    kept = text[: length - 1]
    while kept and (text[len(kept)] in _TIED or kept[-1] == "\u200d"):
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def _is_unknown(character: str) -> bool:
    """Whether it is for private use, or Python knows nothing of it, and it is neither invisible nor no character."""
    code = ord(character)
    if unicodedata.category(character) not in ("Cn", "Co"):
        return False
    is_no_character = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return not is_no_character and not _INVISIBLE.match(character)
