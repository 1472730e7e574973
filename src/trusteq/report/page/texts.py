"""The beginning of an item's texts, and its address on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from trusteq.data.clean import begun, clean
from trusteq.data.surrogates import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_EXCERPT = 160


def excerpt(texts: Sequence[str]) -> str:
    """The beginning of an item's texts, in one line."""
    line = " · ".join(" ".join(text[: 2 * LONGEST_EXCERPT].split()) for text in texts)
    return begun(line, LONGEST_EXCERPT)


def fragment(id_: str, candidate: str) -> str:
    """The fragment of the page's address that opens an item with a candidate."""
    return f"#item={quote(readable(id_), safe='')}&candidate={quote(clean(candidate), safe='')}"
