"""Text that cannot command what shows it."""

from __future__ import annotations


def clean(text: str) -> str:
    """Text without control characters, so that a label or a model's name cannot command the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)
