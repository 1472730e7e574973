"""Differences between two sets of label names, in one line."""

from __future__ import annotations

import re
import shlex
import unicodedata
from typing import TYPE_CHECKING

from trusteq.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CODE = re.compile(r"(\d+)(\.0+)?")
"""A label's code; pandas writes it as a float if another is missing."""
_WHERE = "choices in a task file, columns of predictions, or --labels for other models"
"""Where a model's labels are written."""
SHOWN = 10
"""Maximum labels that a message names."""

_VARIANTS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("leading or trailing spaces", str.strip),
    ("Unicode normal form", lambda label: unicodedata.normalize("NFC", label)),
    ("case", str.casefold),
)
"""How two spellings of a label may differ, and the function that removes that difference."""


def listed(labels: Sequence[str]) -> str:
    """The labels as a set, each quoted, at most `SHOWN` of them."""
    return f"{{{enumerated([repr(label) for label in labels])}}}"


def enumerated(names: Sequence[str]) -> str:
    """The names, at most `SHOWN` of them."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def refuse_alike(labels: Sequence[str], where: str, remedy: str) -> None:
    """Stop if two labels of a set are the same, or look the same: they differ only in spaces or Unicode form.

    Labels that differ in case are different: they may be letters.
    """
    first: dict[str, int] = {}
    for number, label in enumerate(labels):
        if (earlier := first.setdefault(_appearance(label), number)) == number:
            continue
        other = labels[earlier]
        if other == label:
            raise LabelError(f"{where}: label {label!r} appears twice; {remedy}")
        same_words = other.split() == label.split()
        quote, problem = (repr, "differ only in spaces") if same_words else (ascii, "look the same")
        raise LabelError(f"{where}: labels {quote(other)} and {quote(label)} {problem}; {remedy}")


def _appearance(label: str) -> str:
    """The label without what cannot be seen: the number of spaces, the Unicode form, invisible characters."""
    visible = label if label.isascii() else "".join(c for c in label if unicodedata.category(c) != "Cf")
    return " ".join(unicodedata.normalize("NFC", visible).split())


def difference(reference: str, labels: Sequence[str], model: str, others: Sequence[str]) -> str:
    """Which labels only one of two models has, in what they differ if nearly equal, and what to do."""
    only_reference, only_model = _missing(labels, others), _missing(others, labels)
    sides = [
        f"{name} has {listed(extra)}" for name, extra in ((reference, only_reference), (model, only_model)) if extra
    ]
    message = f"labels differ: only {', only '.join(sides)}"
    if len(only_reference) < len(labels):
        message += f" ({len(labels) - len(only_reference):,} are shared)"
    message += _near_match(only_reference, only_model)
    if len(labels) != len(others):
        return f"{message}; both need the same labels: {_WHERE}"
    return (
        f"{message}; if they mean the same, rename the columns of a file of predictions, or the labels of a checkpoint "
        f"(or of an estimator, by trusteq.from_estimator) with {naming(model, labels)}"
    )


def naming(model: str, labels: Sequence[str]) -> str:
    """The option that names these labels as it is typed in a shell, or without them if there are too many to type."""
    as_list = _typed(labels)
    return f"--labels {model}=..." if as_list is None else f"--labels {shlex.quote(f'{model}={as_list}')}"


def _typed(labels: Sequence[str]) -> str | None:
    """The labels as an option takes them, separated by commas; None if they are too many or hold commas themselves."""
    if len(labels) > SHOWN or any("," in label or label != label.strip() for label in labels):
        return None
    return ",".join(labels)


def remedy(gold: Sequence[str], labels: Sequence[str]) -> str:
    """What to do if items have labels that a model does not have."""
    unknown = _missing(gold, labels)
    if len(unknown) == len(gold) and all(CODE.fullmatch(label) for label in gold):
        return f"if these are codes, name the label of each: --label-names {','.join(labels[:SHOWN])}"
    if len(unknown) == len(gold) and are_numbered(labels):
        as_list = _typed(gold) if len(gold) == len(labels) else None
        example = "..." if as_list is None else f"{shlex.quote(as_list)}, if {labels[0]} is {gold[0]!r}"
        return f"the model only numbers its outputs; name them, in its own order: --labels {example}"
    match = _near_match(_missing(labels, gold), unknown)
    if match:
        return f"{match.removeprefix('; ')}; rename one of them"
    alike = f"write them as the models do ({_WHERE})"
    if len(unknown) == len(gold) or (typed := _typed(unknown)) is None:
        return alike
    return f"{alike}, or drop them with --ignore-label {shlex.quote(typed)}"


def are_numbered(labels: Sequence[str]) -> bool:
    """Whether these are LABEL_0, LABEL_1, ..., which transformers writes where nobody named the labels."""
    return all(label == f"LABEL_{code}" for code, label in enumerate(labels))


def _missing(labels: Sequence[str], others: Sequence[str]) -> list[str]:
    """The labels that are not among the others."""
    known = set(others)
    return [label for label in labels if label not in known]


def _near_match(labels: Sequence[str], others: Sequence[str]) -> str:
    """A sentence about the first two that differ only in spaces, Unicode form or case; empty if there are none."""
    for detail, normalized in _VARIANTS:
        by_form = {normalized(label): label for label in labels}
        match = next((label for label in others if normalized(label) in by_form), None)
        if match is not None:
            # Escaped if the two would look the same.
            quote = ascii if detail.startswith("Unicode") else repr
            return f"; {quote(by_form[normalized(match)])} and {quote(match)} differ only in {detail}"
    return ""
