"""The name and location of each model on a command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trusteq.data.surrogates import readable

if TYPE_CHECKING:
    from collections.abc import Sequence


def names_and_locations(specs: Sequence[str]) -> list[tuple[str, str]]:
    """Name and location of each model: NAME=LOCATION, or named after its file or folder, parents added until unique."""
    parsed: list[tuple[str | None, str]] = []
    for spec in specs:
        name, sign, location = spec.partition("=")
        explicit = sign and name and location and not Path(spec).exists() and not set(name) & set("/\\")
        parsed.append((readable(name), location) if explicit else (None, spec))
    explicit_names = [name for name, _ in parsed if name is not None]
    for name in explicit_names:
        if explicit_names.count(name) > 1:
            raise click.UsageError(f"two models are named {name!r}; give them different names, e.g. {name}-2=LOCATION")
    for depth in range(1, 1 + max(len(Path(location).parts) for _, location in parsed)):
        named = [(name or _name(location, depth), location) for name, location in parsed]
        if len({name for name, _ in named}) == len(named):
            return named
    # The same file twice: numbered here, and refused later unless that is intended.
    by_name = {name: location for name, location in parsed if name is not None}
    unique = []
    for (default, location), (explicit_name, _) in zip(named, parsed, strict=True):
        unique_name = explicit_name
        if unique_name is None:
            if default in explicit_names:
                raise click.UsageError(
                    f"two models are named {default!r}: {location} after its file, {by_name[default]} by "
                    "NAME=LOCATION; choose another name"
                )
            numbered = (default, *(f"{default}-{i}" for i in range(2, len(parsed) + 2)))
            unique_name = next(free for free in numbered if free not in by_name)
            by_name[unique_name] = location
        unique.append((unique_name, location))
    return unique


def _name(location: str, depth: int) -> str:
    from trusteq.models.open import default_name, named_after

    parents = named_after(location).parts[:-1][-depth + 1 :] if depth > 1 else ()
    return "/".join((*parents, default_name(location)))
