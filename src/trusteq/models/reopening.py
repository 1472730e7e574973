"""A model opened again from an `Opening`, which may come from another process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.open import open_model
from trusteq.models.traits import traits_of

if TYPE_CHECKING:
    from trusteq.models.base import Model
    from trusteq.models.opening import Opening


def reopen(opening: Opening) -> Model:
    """The model; an error if files or versions have changed."""
    model: Any = open_model(opening.location, name=opening.name, options=opening.options)
    if model.identity.content != opening.identity["content"]:
        raise ModelError(f"model {opening.name}: the files in {opening.location} have changed since the audit began")
    lowered: Model = model.lowered(opening.lowered) if opening.lowered else model
    reopened = traits_of(lowered).opening()
    if reopened is None or reopened.content(anywhere=True) != opening.content(anywhere=True):
        raise ModelError(
            f"model {opening.name}: it is not the same here as where the audit began; do library versions differ? "
            "Install the same versions on every machine"
        )
    return lowered
