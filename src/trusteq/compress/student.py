"""A student: a smaller classifier of the same kind, either with some of a model's layers or narrower and random."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from trusteq.compress.compressed import attempt
from trusteq.compress.neurons import neurons
from trusteq.models.layers import does_not_apply, kept_layers, layer_list, with_layers

if TYPE_CHECKING:
    from trusteq.models.transformer import TransformerModel


def from_layers(source: TransformerModel, layers: int | None, drop: str) -> tuple[Any, str]:
    """A student with some of the model's layers, by default half of them; and a description of it."""
    name, modules = layer_list(source, "distil")
    if layers is not None and layers > len(modules):
        raise does_not_apply(source, "distil", f"it has {len(modules)} layers, fewer than {layers}")
    kept = kept_layers(len(modules), layers, drop)
    words = f"layers {', '.join(str(i + 1) for i in kept)} of {len(modules)}"
    with attempt(source, "distil", "it cannot be made of fewer layers"):
        return with_layers(source.model, name, kept).float(), f"starts from the original's {words}"


def narrower(source: TransformerModel, width: int, layers: int | None) -> tuple[Any, str]:
    """A random student of this hidden size, with heads as large as the model's; and a description of it."""
    import torch
    import transformers

    config = deepcopy(source.model.config)
    size = config.hidden_size // config.num_attention_heads
    if width % size or not 0 < width < config.hidden_size:
        raise does_not_apply(
            source,
            "distil",
            f"the width must be a multiple of its head size {size} and less than its width {config.hidden_size}",
        )
    key, wide = neurons(source, "distil")
    setattr(config, key, max(1, wide * width // config.hidden_size))
    if getattr(config, "num_key_value_heads", config.num_attention_heads) != config.num_attention_heads:
        raise does_not_apply(source, "distil", "its heads share keys, so its width cannot be reduced")
    for heads in ("num_attention_heads", "num_key_value_heads"):
        if hasattr(config, heads):
            setattr(config, heads, width // size)
    config.hidden_size = width
    if layers is not None:
        config.num_hidden_layers = layers
    with attempt(source, "distil", f"it cannot be made {width} wide"):
        model = transformers.AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    return model, f"starts at random, {config.num_hidden_layers} layers of width {width}"
