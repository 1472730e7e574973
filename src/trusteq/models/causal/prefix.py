"""The keys and values of the tokens that prompts begin with in common, computed once and read by every row."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any

from trusteq.models.causal.products import fast_products

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trusteq.models.causal.tokenized import Tokens


@dataclass(frozen=True)
class Prefix:
    """Tokens, and each layer's keys and values for them [1, heads, tokens, size]."""

    tokens: Tokens
    layers: tuple[tuple[Any, Any], ...]

    @property
    def bytes(self) -> int:
        """The memory it takes."""
        return sum(part.nbytes for layer in self.layers for part in layer)

    def shared_with(self, tokens: Tokens) -> int:
        """How many of the tokens it covers; never all, because something is predicted from the last."""
        return min(common([self.tokens, tokens]), len(tokens) - 1)

    def cache(self, length: int) -> Any:
        """A cache for one forward that begins with the first ``length`` tokens, in every row of the batch.

        It keeps nothing of what is read after them, so that only one layer's keys and values of a batch exist at once.
        """
        import torch
        from transformers.cache_utils import Cache, DynamicLayer

        class Layer(DynamicLayer):  # type: ignore[misc]
            def update(self, keys: Any, values: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
                rows = len(keys)
                return (
                    torch.cat([self.keys.expand(rows, -1, -1, -1), keys], dim=-2),
                    torch.cat([self.values.expand(rows, -1, -1, -1), values], dim=-2),
                )

        layers = []
        for keys, values in self.layers:
            layer = Layer()
            layer.keys, layer.values = keys[:, :, :length], values[:, :, :length]
            layer.dtype, layer.device, layer.is_initialized = keys.dtype, keys.device, True
            layers.append(layer)
        return Cache(layers=layers)


def computed_prefix(model: Any, tokens: Tokens) -> Prefix:
    """The model's keys and values for these tokens."""
    import torch
    from transformers.cache_utils import DynamicCache

    cache = DynamicCache()
    with torch.inference_mode(), fast_products():
        ids = torch.tensor([tokens], device=model.device)
        model(input_ids=ids, logits_to_keep=1, **reading(model, cache))
    return Prefix(tokens, tuple((layer.keys, layer.values) for layer in cache.layers))


def reading(model: Any, cache: Any) -> dict[str, Any]:
    """The arguments of a forward that reads this cache; transformers 5.24 renamed one of them."""
    name = "cache" if "cache" in signature(model.forward).parameters else "past_key_values"
    return {name: cache, "use_cache": True}


def common(rows: Iterable[Tokens]) -> int:
    """How many tokens all of these rows begin with in common."""
    first, *others = rows
    length = len(first)
    for row in others:
        length = min(length, len(row))
        if row[:length] != first[:length]:
            length = next(at for at in range(length) if row[at] != first[at])
    return length
