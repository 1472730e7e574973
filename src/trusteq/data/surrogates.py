"""Texts that cannot be written as UTF-8: they hold surrogates, as names of files that are not UTF-8 do in Python."""

from __future__ import annotations

import re

SURROGATES = re.compile("[\ud800-\udfff]")


def is_unicode(text: str) -> bool:
    """Whether the text can be written as UTF-8."""
    return text.isascii() or SURROGATES.search(text) is None


def readable(text: str) -> str:
    """The text with a replacement character for each byte or half character that cannot be written."""
    return text if text.isascii() else SURROGATES.sub("\ufffd", text)
