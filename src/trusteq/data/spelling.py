"""American spellings of the words that users write: understood, and never written."""

from __future__ import annotations

from typing import Any

AMERICAN = {
    "behavior": "behaviour",
    "neighbors": "neighbours",
    "color": "colour",
    "center": "centre",
    "gray": "grey",
}


def british(word: Any) -> Any:
    """The word as trusteq spells it; anything else as it is."""
    return AMERICAN.get(word, word) if isinstance(word, str) else word


def british_keys(content: Any) -> Any:
    """A mapping with its keys as trusteq spells them, unless one is there in both spellings; anything else as it is."""
    if not isinstance(content, dict) or len({british(key) for key in content}) < len(content):
        return content
    return {british(key): value for key, value in content.items()}
