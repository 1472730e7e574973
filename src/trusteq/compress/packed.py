"""Linear weights in few bits, packed into 32-bit words by compressed-tensors: one scale for each group of a row."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trusteq.compress.compressed import attempt, checkpoint
from trusteq.compress.encoder import linear_maps
from trusteq.compress.grid import steps
from trusteq.compress.outliers import outliers_kept
from trusteq.models.auto_class import is_language_model
from trusteq.models.layers import does_not_apply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trusteq.compress.compressed import Compressed
    from trusteq.models.transformer import TransformerModel

GROUP, LANGUAGE_GROUP = 32, 128
"""Weights that share a scale, in a classifier and in a language model; fewer where a row's length is no multiple."""

KEPT = "feature_projection.projection"
"""The linear map of samples' features in Wav2Vec2 and its kin, which transformers loads only as a plain one."""

SMALLEST_GROUP = 8
"""With fewer weights a group, the scales would need more space than the weights."""


def int4_weights(source: TransformerModel, *, group: int | None = None, outliers: float | None = None) -> Compressed:
    """The model with 4-bit linear weights; they are unpacked when it runs, so it needs no less memory or time."""
    return _nearest(source, "int4-weights", 4, group, outliers)


def int3_weights(source: TransformerModel, *, group: int | None = None, outliers: float | None = None) -> Compressed:
    """The same with 3 bits."""
    return _nearest(source, "int3-weights", 3, group, outliers)


def _nearest(source: TransformerModel, method: str, bits: int, group: int | None, outliers: float | None) -> Compressed:
    """The model with each linear weight rounded to the nearest step of its group."""
    linear = linear_maps(source, method)
    if outliers is not None:
        return outliers_kept(source, linear, bits=bits, group=group_size(source, method, linear, group), share=outliers)
    maps = {name: module for name, module in linear.items() if not name.endswith(KEPT)}
    group = group_size(source, method, maps, group)
    scales = {name: steps(module.weight, bits, group) for name, module in maps.items()}
    notes = [f"{name} stays as it is: transformers loads it only so" for name in linear if name not in maps]
    return packed(source, method, maps, scales, *notes, bits=bits)


def group_size(source: TransformerModel, method: str, maps: Mapping[str, Any], group: int | None) -> int:
    """How many weights share a scale: as many as asked for, or by default the most that divide every row."""
    wide = sorted({module.in_features for module in maps.values()})
    if group is not None:
        if any(inputs % group for inputs in wide):
            raise does_not_apply(source, method, f"its linear maps have {wide} inputs, not all multiples of {group}")
        return group
    largest = LANGUAGE_GROUP if is_language_model(type(source.model).__name__) else GROUP
    group = math.gcd(largest, *wide)
    if group < SMALLEST_GROUP:
        raise does_not_apply(source, method, f"its linear maps have {wide} inputs, not all multiples of 8")
    return group


def packed(
    source: TransformerModel,
    method: str,
    maps: Mapping[str, Any],
    scales: Mapping[str, Any],
    *notes: str,
    bits: int,
    **facts: Any,
) -> Compressed:
    """The model with its linear weights rounded to whole numbers of these scales [rows, groups], and packed."""
    import torch
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import (
        QuantizationArgs,
        QuantizationConfig,
        QuantizationScheme,
        apply_quantization_config,
    )

    model = source.model
    first = next(iter(maps))
    group = maps[first].in_features // scales[first].shape[1]
    linear = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    rounding = QuantizationArgs(num_bits=bits, type="int", symmetric=True, strategy="group", group_size=group)
    scheme = QuantizationScheme(targets=["Linear"], weights=rounding)
    ignored = [name for name in linear if name not in maps]
    with attempt(source, method, "compressed-tensors"):
        apply_quantization_config(model, QuantizationConfig(config_groups={"all": scheme}, ignore=ignored))
        for name, module in maps.items():
            module.weight_scale.data.copy_(scales[name])
        compressor = ModelCompressor.from_pretrained_model(model)
        compressor.compress_model(model)
    compressed = checkpoint(
        source,
        model,
        "unpacked when it runs: smaller on disk, not faster",
        *notes,
        linear_maps=len(maps),
        group=group,
        **facts,
    )

    def save(folder: Path) -> None:
        compressed.save(folder)
        compressor.update_config(folder)

    return replace(compressed, save=save)
