"""Rounding that spares the largest weights, which would make the steps of their groups coarse (SpQR, 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.compress.compressed import checkpoint
from trusteq.compress.grid import nearest, steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.compress.compressed import Compressed
    from trusteq.models.transformer import TransformerModel

POSITION_BITS = 32
"""What the position of a kept weight would take."""


def outliers_kept(
    source: TransformerModel, maps: Mapping[str, Any], *, bits: int, group: int, share: float
) -> Compressed:
    """The model with this share of each linear weight, the largest, in 16 bits, and the others rounded to nearest.

    They are stored as full matrices, because no loader of transformers reads weights of both kinds in one matrix.
    """
    import torch

    total = kept = groups = 0
    for module in maps.values():
        weight = module.weight.detach()
        order = weight.abs().flatten().argsort(descending=True, stable=True)
        outlying = torch.zeros(weight.numel(), dtype=torch.bool)
        outlying[order[: round(share * weight.numel())]] = True
        outlying = outlying.view(weight.shape)
        others = weight.masked_fill(outlying, 0)
        step = steps(others, bits, group)
        in_16_bits = weight if weight.element_size() == 2 else weight.half().to(weight.dtype)
        weight.copy_(torch.where(outlying, in_16_bits, nearest(others, step, bits)))
        total += weight.numel()
        kept += int(outlying.sum())
        groups += step.numel()
    as_packed = (total * bits + groups * 16 + kept * (16 + POSITION_BITS)) // 8
    return checkpoint(
        source,
        source.model,
        f"{kept:,} of {total:,} linear weights are in 16 bits, the others in {bits}; stored as full matrices, so the "
        f"size stays the same; packed, with 16 bits for a scale and {POSITION_BITS} for the position of a kept weight, "
        f"they would take {as_packed:,} bytes",
        linear_maps=len(maps),
        linear_weights=total,
        group=group,
        outliers=kept,
        as_packed_bytes=as_packed,
    )
