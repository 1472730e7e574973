"""Linear weights of lower rank: the nearest ones, by singular value decomposition (Eckart and Young 1936)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.compress.compressed import checkpoint
from trusteq.compress.encoder import linear_maps
from trusteq.models.layers import does_not_apply

if TYPE_CHECKING:
    from trusteq.compress.compressed import Compressed
    from trusteq.models.transformer import TransformerModel


def low_rank(source: TransformerModel, *, rank: int | None = None) -> Compressed:
    """The model with linear weights of this rank, by default half of the smaller side of each.

    They are stored as full matrices: two factors would be another architecture, which the ordinary loader cannot read.
    So this shows what a lower rank does to the answers before anyone builds an engine that uses the factors.
    """
    import torch

    total = factored = changed = 0
    for module in linear_maps(source, "low-rank").values():
        weight = module.weight
        kept = min(weight.shape) // 2 if rank is None else rank
        total += weight.numel()
        if not 0 < kept < min(weight.shape):
            factored += weight.numel()
            continue
        changed += 1
        factored += min(kept * sum(weight.shape), weight.numel())
        with torch.no_grad():
            U, S, V = torch.linalg.svd(weight.float(), full_matrices=False)
            weight.copy_((U[:, :kept] * S[:kept]) @ V[:kept])
    if not changed:
        raise does_not_apply(source, "low-rank", f"none of its linear weights is more than {rank or 1} wide")
    return checkpoint(
        source,
        source.model,
        f"stored as full matrices, so the size stays the same; as two factors where that is smaller, the {total:,} "
        f"linear weights would be {factored:,}",
        linear_weights=total,
        as_factors=factored,
    )
