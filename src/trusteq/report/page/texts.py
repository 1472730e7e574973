"""The beginning of an item, and its address in the page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from trusteq.data.clean import clean
from trusteq.data.surrogates import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_EXCERPT = 160


def excerpt(texts: Sequence[str]) -> str:
    """The beginning of an item's texts, in one line."""
    said = " · ".join(" ".join(text[: 2 * LONGEST_EXCERPT].split()) for text in texts)
    return said if len(said) <= LONGEST_EXCERPT else said[: LONGEST_EXCERPT - 1].rstrip() + "…"


def fragment(id_: str, candidate: str) -> str:
    """The end of the page's address that opens an item beside a candidate."""
    return f"#item={quote(readable(id_), safe='')}&candidate={quote(clean(candidate), safe='')}"
