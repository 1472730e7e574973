"""Two sets of label names, told apart in one line."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CODE = re.compile(r"(\d+)(\.0+)?")
"""A label's number, which pandas writes as a fraction where one is missing."""
_RENAME = "rename with --labels or drop them with --ignore-label"
SHOWN = 10
"""Labels that one message names."""

_ALIKE: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("spaces at their ends", str.strip),
    ("Unicode normal form", lambda label: unicodedata.normalize("NFC", label)),
    ("case", str.casefold),
)
"""What two names of one label may differ in, and the function that takes it away."""


def listed(labels: Sequence[str]) -> str:
    """The labels as a set, each quoted, at most `SHOWN` of them."""
    more = f" and {len(labels) - SHOWN:,} more" if len(labels) > SHOWN else ""
    return f"{{{', '.join(repr(label) for label in labels[:SHOWN])}{more}}}"


def difference(reference: str, labels: Sequence[str], model: str, others: Sequence[str]) -> str:
    """Which labels only one of two models has, how nearly they are the same, and what to do."""
    only = [label for label in labels if label not in set(others)]
    strange = [label for label in others if label not in set(labels)]
    sides = [f"{who} has {listed(which)}" for who, which in ((reference, only), (model, strange)) if which]
    said = f"labels differ: only {', only '.join(sides)}"
    if len(only) < len(labels):
        said += f" ({len(labels) - len(only):,} are shared)"
    order = f"--labels {model}={','.join(labels)}" if len(labels) <= SHOWN else f"--labels {model}=..."
    return f"{said}{_alike(only, strange)}; name the order with {order}"


def remedy(gold: Sequence[str], labels: Sequence[str]) -> str:
    """What to do where items have labels that a model does not answer."""
    strange = [label for label in gold if label not in set(labels)]
    if len(strange) == len(gold) and all(CODE.fullmatch(label) for label in gold):
        return f"if these are codes, say which label each stands for: --label-names {','.join(labels[:SHOWN])}"
    alike = _alike([label for label in labels if label not in set(gold)], strange)
    return f"{alike.removeprefix('; ')}; rename one of them" if alike else _RENAME


def _alike(only: Sequence[str], strange: Sequence[str]) -> str:
    for what, plain in _ALIKE:
        names = {plain(label): label for label in only}
        twin = next((label for label in strange if plain(label) in names), None)
        if twin is not None:
            # Escaped where the two would look the same.
            write = ascii if what.startswith("Unicode") else repr
            return f"; {write(names[plain(twin)])} and {write(twin)} differ only in {what}"
    return ""
