"""Weights and arithmetic in another precision: float16 (IEEE 754), bfloat16 and float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.compress.compressed import checkpoint, loaded
from trusteq.models.layers import does_not_apply

if TYPE_CHECKING:
    from trusteq.compress.compressed import Compressed
    from trusteq.models.transformer import TransformerModel


def fp32(source: TransformerModel) -> Compressed:
    """The model in float32, with the same values: a .gguf file or 16-bit weights, as other methods and tools need."""
    if source.model.dtype.itemsize >= 4 and getattr(source, "original", None) is None:
        raise does_not_apply(source, "fp32", "its weights are already in float32")
    return checkpoint(source, source.model.float())


def fp16(source: TransformerModel) -> Compressed:
    """The model in float16: 11 bits of precision, nothing above 65,504."""
    return _cast(source, "fp16", "float16")


def bf16(source: TransformerModel) -> Compressed:
    """The model in bfloat16: 8 bits of precision, the range of float32."""
    return _cast(source, "bf16", "bfloat16")


def _cast(source: TransformerModel, method: str, dtype: str) -> Compressed:
    import torch

    if source.model.dtype.itemsize < 4:
        current = str(source.model.dtype).removeprefix("torch.")
        raise does_not_apply(source, method, f"its weights are already in {current}")
    # Not with .to(): parts that transformers always keeps in float32 must stay so.
    model = loaded(source, dtype=getattr(torch, dtype))
    too_large = next((name for name, weight in model.named_parameters() if not weight.isfinite().all()), None)
    if too_large:
        raise does_not_apply(source, method, f"{too_large} holds values beyond the range of {dtype}")
    return checkpoint(source, model)
