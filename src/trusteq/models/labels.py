"""A model's label names: from its configuration, or as the user gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.data.label_sets import listed, refuse_alike
from trusteq.data.surrogates import is_unicode
from trusteq.data.table import shown
from trusteq.errors import LabelError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def label_names(configured: Sequence[str], labels: Sequence[str] | None, *, name: str) -> tuple[str, ...]:
    """The names in the order of the model's outputs: the user's ``labels`` if any, or else the configured ones."""
    if isinstance(labels, str):
        raise LabelError(f"model {name}: labels must be a list of names, found the text {labels!r}")
    if labels is not None and configured and len(labels) != len(configured):
        raise LabelError(
            f"model {name}: --labels names {len(labels)} labels {listed(labels)}, "
            f"but the model has {len(configured)} {listed(configured)}"
        )
    names = tuple(configured if labels is None else labels)
    invalid = next((label for label in names if not isinstance(label, str) or not is_unicode(label)), None)
    if invalid is not None:
        raise LabelError(f"model {name}: label {invalid!r} is not valid text; give each label a name")
    if len(names) < 2:
        raise ModelError(
            f"model {name}: {len(names)} label; trusteq needs a probability for each of two or more labels "
            "(a regression model has none; for a binary score give both p and 1 - p)"
        )
    refuse_alike(names, f"model {name}", "give each label its own name with --labels")
    return names


def configured_labels(config: Mapping[str, Any], *, name: str) -> tuple[str, ...]:
    """The names in config.json's id2label, in the order of their codes; () if there are none."""
    id2label = config.get("id2label") or {}
    try:
        by_code = {int(code): str(label) for code, label in id2label.items()}
    except (AttributeError, ValueError, TypeError):
        raise LabelError(
            f"model {name}: id2label is {shown(id2label)}, expected a name for each code 0, 1, ...; fix config.json"
        ) from None
    if sorted(by_code) != list(range(len(by_code))):
        raise LabelError(
            f"model {name}: id2label has the codes {sorted(by_code)}, expected 0 to {len(by_code) - 1}; fix config.json"
        )
    return tuple(by_code[code] for code in range(len(by_code)))
