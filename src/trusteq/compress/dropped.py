"""Layers removed from a model (Sajjad et al. 2023, arXiv 2004.03844), without training afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.compress.compressed import attempt, checkpoint
from trusteq.models.auto_class import is_language_model, is_picture_model
from trusteq.models.layers import does_not_apply, kept_layers, layer_list, with_layers

if TYPE_CHECKING:
    from trusteq.compress.compressed import Compressed
    from trusteq.models.transformer import TransformerModel


def drop_layers(source: TransformerModel, *, layers: int | None = None, drop: str = "evenly") -> Compressed:
    """The model with ``layers`` of its layers, by default half of them."""
    name, modules = layer_list(source, "drop-layers")
    if len(modules) == 1 or (layers is not None and layers >= len(modules)):
        raise does_not_apply(source, "drop-layers", f"keeping {layers or 1} of its {len(modules)} layers removes none")
    kept = kept_layers(len(modules), layers, drop)
    with attempt(source, "drop-layers", "it cannot be made of fewer layers"):
        model = with_layers(source.model, name, kept)
    return checkpoint(
        source,
        model,
        f"keeps layers {', '.join(str(i + 1) for i in kept)} of {len(modules)}, not trained since"
        + ("; distil starts from the same layers and trains them" if _can_be_taught(model) else ""),
        kept_layers=[i + 1 for i in kept],
    )


def _can_be_taught(model: Any) -> bool:
    architecture = type(model).__name__
    return not (is_language_model(architecture) or is_picture_model(architecture))
