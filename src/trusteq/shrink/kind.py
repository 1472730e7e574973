"""What kind of model is to be made smaller, and how many layers it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.compress.methods import CLASSIFIERS, GRAPHS, LANGUAGE_MODELS, PICTURE_MODELS
from trusteq.errors import ModelError
from trusteq.models.causal.language_model import CAUSAL
from trusteq.models.layers import layer_list
from trusteq.models.onnx_session import ONNX
from trusteq.models.open import backend_of
from trusteq.models.picture_transformer import PICTURE_TRANSFORMERS
from trusteq.models.transformer import TRANSFORMERS

if TYPE_CHECKING:
    from pathlib import Path

    from trusteq.models.base import Model

KINDS = {
    TRANSFORMERS.kind: CLASSIFIERS,
    CAUSAL.kind: LANGUAGE_MODELS,
    PICTURE_TRANSFORMERS.kind: PICTURE_MODELS,
    ONNX.kind: GRAPHS,
}
"""What methods of compression call the models of each backend."""


def kind_of(location: str | Path, name: str) -> str:
    """The kind of the model at a location, as methods name it; an error if nothing can be made of it."""
    backend = backend_of(str(location), name)
    if backend.kind not in KINDS:
        raise ModelError(
            f"model {name}: {location} is {backend.words}, of which no candidate can be made: give a transformers "
            "classifier or language model, or a .onnx file"
        )
    return KINDS[backend.kind]


def layers_of(model: Model, kind: str) -> int | None:
    """How many layers a classifier of texts has; None if they are not in one list, or it is of another kind."""
    if kind != CLASSIFIERS:
        return None
    source: Any = model
    try:
        return len(layer_list(source, "distil")[1])
    except ModelError:
        return None
