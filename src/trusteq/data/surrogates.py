"""Texts that cannot be written as UTF-8 because of surrogates, which Python uses in file names that are not UTF-8."""

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
    """Whether all values are of type str itself (no subclass) and can be written as UTF-8."""
    return set(map(type, values)) == {str} and (all(map(str.isascii, values)) or all(map(is_unicode, values)))


def readable(text: str) -> str:
    """The text with U+FFFD in place of each surrogate."""
    return text if text.isascii() else SURROGATES.sub("\ufffd", text)
