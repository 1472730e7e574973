"""Option values that are lists."""

from __future__ import annotations


def comma_separated(text: str | None) -> tuple[str, ...]:
    """The parts of "a,b,c"."""
    return () if text is None else tuple(part.strip() for part in text.split(",") if part.strip())
