"""The part of a model that compression works on: its linear maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.models.layers import does_not_apply

if TYPE_CHECKING:
    from trusteq.models.transformer import TransformerModel


def linear_maps(source: TransformerModel, method: str) -> dict[str, Any]:
    """Every torch.nn.Linear by name, except in the head, which decides the answer and may be the embeddings too."""
    import torch

    body = source.model.base_model
    prefix = "" if body is source.model else f"{source.model.base_model_prefix}."
    maps = {prefix + name: module for name, module in body.named_modules() if isinstance(module, torch.nn.Linear)}
    if not maps:
        raise does_not_apply(source, method, "it has no torch.nn.Linear")
    return maps
