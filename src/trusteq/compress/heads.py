"""Attention heads set to 0: those with the smallest weights in the output projection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.compress.compressed import checkpoint
from trusteq.models.layers import does_not_apply, layer_list

if TYPE_CHECKING:
    from trusteq.compress.compressed import Compressed
    from trusteq.models.transformer import TransformerModel

OUTPUT = (
    "attention.output.dense",
    "attention.out_lin",
    "self_attn.o_proj",
    "self_attn.out_proj",
    "attn.Wo",
    "attention.attn.o",
    "attention.o_proj",
)
"""What common architectures call the output projection, the linear map that combines a layer's heads."""


def prune_heads(source: TransformerModel, *, share: float = 0.5) -> Compressed:
    """The model without this share of each layer's heads: their outputs become 0, as if they did not exist."""
    import torch

    heads = getattr(source.model.config, "num_attention_heads", None)
    if not isinstance(heads, int):
        raise does_not_apply(source, "prune-heads", "its configuration has no num_attention_heads for all layers")
    count = round(share * heads)
    if not 0 < count < heads:
        raise does_not_apply(source, "prune-heads", f"a share of {share:g} of its {heads} heads is {count}")
    removed = []
    for layer in layer_list(source, "prune-heads")[1]:
        weight = _output(source, layer).weight  # [hidden, heads x head size]
        with torch.no_grad():
            parts = weight.unflatten(1, (heads, -1))  # [hidden, heads, head size]
            norms = parts.float().pow(2).sum(dim=(0, 2))
            smallest = norms.argsort(stable=True)[:count]
            parts[:, smallest] = 0
        removed.append(sorted(head + 1 for head in smallest.tolist()))
    return checkpoint(
        source,
        source.model,
        f"{count} of {heads} heads in each layer output 0; their weights are still stored, so the size stays the same",
        heads_gone=removed,
    )


def _output(source: TransformerModel, layer: Any) -> Any:
    projections = [
        module for name, module in layer.named_modules() if name.endswith(OUTPUT) and hasattr(module, "in_features")
    ]
    if len(projections) != 1:
        raise does_not_apply(source, "prune-heads", "the output projection of its attention heads was not recognised")
    return projections[0]
