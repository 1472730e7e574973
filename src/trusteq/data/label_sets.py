"""Two sets of label names, told apart in one line."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from trusteq.errors import LabelError

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
    return f"{{{enumerated([repr(label) for label in labels])}}}"


def enumerated(names: Sequence[str]) -> str:
    """The names, at most `SHOWN` of them."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def refuse_alike(labels: Sequence[str], where: str, remedy: str) -> None:
    """Stop where two labels of one set are the same, or look the same: they differ in spaces or Unicode form alone.

    Labels that differ in case are two: letters are.
    """
    first: dict[str, int] = {}
    for number, label in enumerate(labels):
        if (before := first.setdefault(_looks(label), number)) == number:
            continue
        other = labels[before]
        if other == label:
            raise LabelError(f"{where}: label {label!r} appears twice; {remedy}")
        write, what = (repr, "spaces") if other.split() == label.split() else (ascii, "how Unicode writes them")
        raise LabelError(f"{where}: labels {write(other)} and {write(label)} differ only in {what}; {remedy}")


def _looks(label: str) -> str:
    """The label without what is not seen: the number of spaces, the Unicode form, characters without a shape."""
    shown = "".join(sign for sign in label if unicodedata.category(sign) != "Cf") if not label.isascii() else label
    return " ".join(unicodedata.normalize("NFC", shown).split())


def difference(reference: str, labels: Sequence[str], model: str, others: Sequence[str]) -> str:
    """Which labels only one of two models has, how nearly they are the same, and what to do."""
    only, strange = _apart(labels, others), _apart(others, labels)
    sides = [f"{who} has {listed(which)}" for who, which in ((reference, only), (model, strange)) if which]
    said = f"labels differ: only {', only '.join(sides)}"
    if len(only) < len(labels):
        said += f" ({len(labels) - len(only):,} are shared)"
    order = f"--labels {model}={','.join(labels)}" if len(labels) <= SHOWN else f"--labels {model}=..."
    return f"{said}{_alike(only, strange)}; name the order with {order}"


def remedy(gold: Sequence[str], labels: Sequence[str]) -> str:
    """What to do where items have labels that a model does not answer."""
    strange = _apart(gold, labels)
    if len(strange) == len(gold) and all(CODE.fullmatch(label) for label in gold):
        return f"if these are codes, say which label each stands for: --label-names {','.join(labels[:SHOWN])}"
    alike = _alike(_apart(labels, gold), strange)
    return f"{alike.removeprefix('; ')}; rename one of them" if alike else _RENAME


def _apart(labels: Sequence[str], others: Sequence[str]) -> list[str]:
    known = set(others)
    return [label for label in labels if label not in known]


def _alike(only: Sequence[str], strange: Sequence[str]) -> str:
    for what, plain in _ALIKE:
        names = {plain(label): label for label in only}
        twin = next((label for label in strange if plain(label) in names), None)
        if twin is not None:
            # Escaped where the two would look the same.
            write = ascii if what.startswith("Unicode") else repr
            return f"; {write(names[plain(twin)])} and {write(twin)} differ only in {what}"
    return ""
