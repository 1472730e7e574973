"""Text that cannot command what shows it.

Shown is what is printable, and what ordinary writing needs besides: spaces that do not break, and characters without a
width where they change how their neighbours look. A joiner between pictures makes one of them; in scripts from Arabic
to Sinhala, in Myanmar, Khmer and Mongolian it shapes letters; in Thai, Lao, Myanmar and Khmer an unseen space parts
words. Anywhere else these could make two names look alike, so there they are replaced, as soft hyphens always are.
"""

from __future__ import annotations

import re

_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_SIGNS = "\u0600-\u0605\u06dd\u0890\u0891\u08e2"
"""Arabic signs that stand around or under numbers; Unicode calls them format characters, but they are seen."""
_SHAPED = "\u0620-\u0dff\u1000-\u109f\u1780-\u18af"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_PICTURES = "\u2194\u2195\u2600-\u27bf\u2b1b\U0001f000-\U0001faff"
_FLAGS = "|".join(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"
    for region in ("gbeng", "gbsct", "gbwls")
)
"""England, Scotland and Wales: the only flags that are written in tags, which are otherwise unseen."""

_TYPOGRAPHY = re.compile(
    f"[{_SPACES}{_SIGNS}]"
    f"|(?<=[{_PICTURES}\ufe0f])\u200d(?=[{_PICTURES}])"
    f"|(?<=[{_SHAPED}])(?:\u200d|\u200c(?=[{_SHAPED}]))"
    f"|(?<=[{_UNSPACED}])\u200b(?=[{_UNSPACED}])"
    f"|{_FLAGS}"
)


def clean(text: str) -> str:
    """Text, one for one, with a replacement for each character that could command a terminal, hide text or turn it."""
    if text.isprintable():
        return text
    shown = {at for found in _TYPOGRAPHY.finditer(text) for at in range(*found.span())}
    return "".join(
        character if character.isprintable() or at in shown else "\ufffd" for at, character in enumerate(text)
    )
