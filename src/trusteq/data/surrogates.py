"""Texts that cannot be written as UTF-8: they hold surrogates, as names of files that are not UTF-8 do in Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

SURROGATES = re.compile("[\ud800-\udfff]")


def is_unicode(text: str) -> bool:
    """Whether the text can be written as UTF-8."""
    return text.isascii() or SURROGATES.search(text) is None


def are_texts(values: Iterable[Any]) -> bool:
    """Whether all values are texts, and none of them of a kind of its own, that can be written as UTF-8."""
    return set(map(type, values)) == {str} and (all(map(str.isascii, values)) or all(map(is_unicode, values)))


def readable(text: str) -> str:
    """The text with a replacement character for each byte or half character that cannot be written."""
    return text if text.isascii() else SURROGATES.sub("\ufffd", text)
