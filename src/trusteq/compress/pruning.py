"""Magnitude pruning: the smallest weights of each map, or of each four, set to 0 (Gordon et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.compress.compressed import checkpoint
from trusteq.compress.encoder import linear_maps, linear_maps_and_convolutions
from trusteq.models.layers import does_not_apply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.compress.compressed import Compressed
    from trusteq.models.transformer import TransformerModel


def prune_weights(source: TransformerModel, *, share: float = 0.5) -> Compressed:
    """The model with this share of the weights of each linear map, and of each convolution, set to 0."""
    from torch.nn.utils import prune

    maps = linear_maps_and_convolutions(source, "prune-weights")
    for module in maps.values():
        prune.l1_unstructured(module, "weight", amount=share)  # type: ignore[no-untyped-call]
        prune.remove(module, "weight")  # type: ignore[no-untyped-call]
    return _with_zeros(source, maps)


def prune_2of4(source: TransformerModel) -> Compressed:
    """The model with the 2 smallest of each 4 consecutive weights of a row set to 0, as sparse tensor cores need it."""
    import torch

    maps = linear_maps(source, "prune-2of4")
    wide = sorted({module.in_features for module in maps.values()})
    if any(inputs % 4 for inputs in wide):
        raise does_not_apply(source, "prune-2of4", f"its linear maps have {wide} inputs, not all multiples of 4")
    with torch.no_grad():
        for module in maps.values():
            fours = module.weight.unflatten(1, (-1, 4))
            fours.scatter_(2, fours.abs().argsort(dim=2, stable=True)[..., :2], 0)
    return _with_zeros(source, maps)


def _with_zeros(source: TransformerModel, maps: Mapping[str, Any]) -> Compressed:
    """The model after some weights of these maps became 0."""
    zeros = sum(int((module.weight == 0).sum()) for module in maps.values())
    total = sum(module.weight.numel() for module in maps.values())
    convolutions = any(hasattr(module, "kernel_size") for module in maps.values())
    what = "weights of linear maps and convolutions" if convolutions else "linear weights"
    return checkpoint(
        source,
        source.model,
        f"{zeros:,} of {total:,} {what} are 0; they are still stored, so the size stays the same",
        zeros=zeros,
        linear_weights=total,
    )
