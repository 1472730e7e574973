"""How several units are called."""

from __future__ import annotations


def plural(unit: str) -> str:
    """Several of these units: "words or tiles", "stretches"."""
    return " or ".join(f"{name}es" if name.endswith("ch") else f"{name}s" for name in unit.split(" or "))
