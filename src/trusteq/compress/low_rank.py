"""Linear weights of lower rank: the nearest ones, from the singular value decomposition (Eckart and Young 1936)."""

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

    They are stored whole: two factors would be another architecture, which no ordinary loader knows. So this shows what
    the lower rank does to the answers, before anybody builds an engine for the factors.
    """
    import torch

    whole = factored = changed = 0
    for module in linear_maps(source, "low-rank").values():
        weight = module.weight
        kept = min(weight.shape) // 2 if rank is None else rank
        whole += weight.numel()
        if not 0 < kept < min(weight.shape):
            factored += weight.numel()
            continue
        changed += 1
        factored += min(kept * sum(weight.shape), weight.numel())
        with torch.no_grad():
            U, S, V = torch.linalg.svd(weight.float(), full_matrices=False)
            weight.copy_((U[:, :kept] * S[:kept]) @ V[:kept])
    if not changed:
        raise does_not_apply(source, "low-rank", f"no linear weight of it is more than {rank or 1} wide")
    return checkpoint(
        source,
        source.model,
        f"stored whole, so the size stays; as two factors where that is less, the {whole:,} linear weights would be "
        f"{factored:,}",
        linear_weights=whole,
        as_factors=factored,
    )
