"""Linear weights in 4 bits, eight to a 32-bit word, by compressed-tensors: rounded to nearest, one scale a group."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from trusteq.compress.compressed import attempt, checkpoint
from trusteq.compress.encoder import linear_maps
from trusteq.models.layers import does_not_apply

if TYPE_CHECKING:
    from pathlib import Path

    from trusteq.compress.compressed import Compressed
    from trusteq.models.transformer import TransformerModel

GROUP = 32
"""Weights that share a scale; fewer where a row's length is not a multiple of this."""

SMALLEST_GROUP = 8
"""With fewer weights a group, the scales would need more space than the weights."""


def int4_weights(source: TransformerModel) -> Compressed:
    """The model with 4-bit linear weights; they are unpacked when it runs, so it needs no less memory or time."""
    import torch
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import (
        QuantizationArgs,
        QuantizationConfig,
        QuantizationScheme,
        apply_quantization_config,
    )

    model, rounded = source.model, linear_maps(source, "int4-weights")
    group = math.gcd(GROUP, *(module.in_features for module in rounded.values()))
    if group < SMALLEST_GROUP:
        wide = sorted({module.in_features for module in rounded.values()})
        raise does_not_apply(source, "int4-weights", f"its linear maps have {wide} inputs, not all multiples of 8")
    linear = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    rounding = QuantizationArgs(num_bits=4, type="int", symmetric=True, strategy="group", group_size=group)
    scheme = QuantizationScheme(targets=["Linear"], weights=rounding)
    ignored = [name for name in linear if name not in rounded]
    with attempt(source, "int4-weights", "compressed-tensors"):
        apply_quantization_config(model, QuantizationConfig(config_groups={"all": scheme}, ignore=ignored))
        for module in rounded.values():
            largest = module.weight.detach().unflatten(1, (-1, group)).abs().amax(dim=2)
            # -8 to 7: half a step beyond 7 wastes none of the range. A group of zeros stays 0 with any scale.
            module.weight_scale.data.copy_(torch.where(largest > 0, largest / 7.5, 1.0))
        compressor = ModelCompressor.from_pretrained_model(model)
        compressor.compress_model(model)
    compressed = checkpoint(
        source, model, "unpacked when it runs: smaller on disk, not faster", linear_maps=len(rounded), group=group
    )

    def save(folder: Path) -> None:
        compressed.save(folder)
        compressor.update_config(folder)

    return replace(compressed, save=save)
