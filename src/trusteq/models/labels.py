"""A model's label names: its own, or the ones it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.data.label_sets import listed, refuse_alike
from trusteq.data.surrogates import is_unicode
from trusteq.data.table import shown
from trusteq.errors import LabelError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def label_names(own: Sequence[str], given: Sequence[str] | None, *, name: str) -> tuple[str, ...]:
    """The names in the order of the model's outputs: ``given`` where there are any, else its ``own``."""
    if isinstance(given, str):
        raise LabelError(f"model {name}: labels must be a list of names, found the text {given!r}")
    if given is not None and own and len(given) != len(own):
        raise LabelError(
            f"model {name}: --labels names {len(given)} labels {listed(given)}, "
            f"but the model has {len(own)} {listed(own)}"
        )
    names = tuple(own if given is None else given)
    odd = next((label for label in names if not isinstance(label, str) or not is_unicode(label)), None)
    if odd is not None:
        raise LabelError(f"model {name}: label {odd!r} is no text that can be written; give each label a name")
    if len(names) < 2:
        raise ModelError(
            f"model {name}: {len(names)} label; trusteq needs a probability for each of two or more labels "
            "(a regression has none; a binary score needs both p and 1 - p)"
        )
    refuse_alike(names, f"model {name}", "give each label its own name with --labels")
    return names


def configured_labels(config: Mapping[str, Any], *, name: str) -> tuple[str, ...]:
    """The names in config.json's id2label, in the order of their codes; () when there is none."""
    told = config.get("id2label") or {}
    try:
        by_code = {int(code): str(label) for code, label in told.items()}
    except (AttributeError, ValueError, TypeError):
        raise LabelError(
            f"model {name}: id2label is {shown(told)}, expected the codes 0, 1, ... with a name each; mend config.json"
        ) from None
    if sorted(by_code) != list(range(len(by_code))):
        raise LabelError(
            f"model {name}: id2label has the codes {sorted(by_code)}, expected 0 to {len(by_code) - 1}; "
            "mend config.json"
        )
    return tuple(by_code[code] for code in range(len(by_code)))
