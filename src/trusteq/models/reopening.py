"""A model opened once more from how another process said it was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.open import open_model
from trusteq.models.traits import traits_of

if TYPE_CHECKING:
    from trusteq.models.base import Model
    from trusteq.models.opening import Opening


def open_again(opening: Opening) -> Model:
    """The model; an error where files or versions are not what they were."""
    model: Any = open_model(opening.location, name=opening.name, options=opening.options)
    if model.identity.content != opening.identity["content"]:
        raise ModelError(f"model {opening.name}: {opening.location} holds other files than when the audit began")
    lowered: Model = model.lowered(opening.lowered) if opening.lowered else model
    found = traits_of(lowered).opening()
    if found is None or found.content(anywhere=True) != opening.content(anywhere=True):
        raise ModelError(
            f"model {opening.name}: where it is asked it is not what it was where the audit began: are libraries of "
            "other versions there? Install the same on every machine"
        )
    return lowered
