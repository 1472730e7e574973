"""Magnitude pruning: the smallest weights of each linear map set to 0 (Gordon et al. 2020, arXiv 2002.08307)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.compress.compressed import checkpoint
from trusteq.compress.encoder import linear_maps

if TYPE_CHECKING:
    from trusteq.compress.compressed import Compressed
    from trusteq.models.transformer import TransformerModel


def prune_weights(source: TransformerModel, *, share: float = 0.5) -> Compressed:
    """The model with this share of each linear weight set to 0."""
    from torch.nn.utils import prune

    zeros = total = 0
    for module in linear_maps(source, "prune-weights").values():
        prune.l1_unstructured(module, "weight", amount=share)  # type: ignore[no-untyped-call]
        prune.remove(module, "weight")  # type: ignore[no-untyped-call]
        zeros += int((module.weight == 0).sum())
        total += module.weight.numel()
    return checkpoint(
        source,
        source.model,
        f"{zeros:,} of {total:,} linear weights are 0; they are still stored, so the size stays the same",
        zeros=zeros,
        linear_weights=total,
    )
