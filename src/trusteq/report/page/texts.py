"""Items' texts, and the address of an item in the page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from trusteq.data.clean import clean
from trusteq.data.surrogates import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.record.evidence import Evidence

LONGEST_EXCERPT = 160


def segments(evidence: Evidence) -> dict[str, list[str]]:
    """The items' texts by segment; nothing where items are no texts."""
    prefix = "segment "
    names = [str(name) for name in evidence.items.columns if str(name).startswith(prefix)]
    return {name.removeprefix(prefix): [str(text) for text in evidence.items[name]] for name in names}


def excerpt(texts: Sequence[str]) -> str:
    """The beginning of an item's texts, in one line."""
    said = " · ".join(" ".join(text[: 2 * LONGEST_EXCERPT].split()) for text in texts)
    return said if len(said) <= LONGEST_EXCERPT else said[: LONGEST_EXCERPT - 1].rstrip() + "…"


def fragment(id_: str, candidate: str) -> str:
    """The end of the page's address that opens an item beside a candidate."""
    return f"#item={quote(readable(id_), safe='')}&candidate={quote(clean(candidate), safe='')}"
