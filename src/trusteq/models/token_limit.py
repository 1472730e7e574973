"""How many tokens a model can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.data.table import shown
from trusteq.errors import ModelError
from trusteq.models.base import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

UNLIMITED = 1_000_000
"""Tokenizers without a limit store 10^30; no number of this size is meant as a limit."""

COUNT_FROM_PADDING = frozenset(
    {
        "camembert",
        "data2vec-text",
        "esm",
        "ibert",
        "lilt",
        "longformer",
        "luke",
        "markuplm",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    }
)
"""Model types whose first token has position pad_token_id + 1, so that the positions before it are never used."""


def token_limit(config: Mapping[str, Any], tokenizer_limit: float | None, *, where: str = "the model") -> int | None:
    """The most tokens a row may have, by both tokenizer and position table; None if neither sets a limit.

    ``config`` as in config.json; ``tokenizer_limit`` is the tokenizer's model_max_length; ``where`` names the model in
    messages.
    """
    kind, pad = config.get("model_type"), config.get("pad_token_id")
    for key, value in (("model_max_length", tokenizer_limit), ("pad_token_id", pad)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ModelError(f"{where}: {key} is {shown(value)}, expected a number; fix its configuration")
    limits = []
    if tokenizer_limit is not None and 0 < tokenizer_limit < UNLIMITED:
        limits.append(int(tokenizer_limit))
    positions = config.get("max_position_embeddings") or config.get("n_positions")
    if isinstance(positions, int) and positions > 0:
        if isinstance(kind, str) and kind in COUNT_FROM_PADDING:
            positions -= (1 if pad is None else pad) + 1
        limits.append(positions)
    return min(limits, default=None)


def truncation(cut: Mapping[str, int], *, limit: int | None, name: str, left: bool = False) -> Finding:
    """The finding that items, given by id with their lengths in tokens, were truncated to the limit, on a side."""
    items = "1 item is" if len(cut) == 1 else f"{len(cut):,} items are"
    return Finding(
        name,
        "truncated",
        f"{items} longer than its limit of {limit} tokens; it did not read their {'beginnings' if left else 'ends'} "
        f"(the longest has {max(cut.values())} tokens)",
        len(cut),
    )
