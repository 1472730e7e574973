"""Values that are lists on the command line."""

from __future__ import annotations


def listed(text: str | None) -> tuple[str, ...]:
    """The parts of "a,b,c"."""
    return () if text is None else tuple(part.strip() for part in text.split(",") if part.strip())
