"""Feed-forward neurons removed: those whose incoming times outgoing weights are smallest."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from trusteq.compress.compressed import attempt, checkpoint
from trusteq.models.layers import does_not_apply, layer_list, rebuilt

if TYPE_CHECKING:
    from trusteq.compress.compressed import Compressed
    from trusteq.models.transformer import TransformerModel

WIDTH = ("intermediate_size", "hidden_dim", "ffn_dim")
"""Configuration keys for the number of feed-forward neurons in a layer."""


def prune_neurons(source: TransformerModel, *, share: float = 0.5) -> Compressed:
    """The model with this share fewer neurons in each layer: a narrower one of the same kind."""
    model = source.model
    key, width = neurons(source, "prune-neurons")
    remaining = width - round(share * width)
    if not 0 < remaining < width:
        raise does_not_apply(
            source, "prune-neurons", f"removing a share of {share:g} of its {width} neurons leaves {remaining}"
        )
    weights = model.state_dict()
    name, modules = layer_list(source, "prune-neurons")
    for number, layer in enumerate(modules):
        maps = {part: module for part, module in layer.named_modules() if hasattr(module, "in_features")}
        incoming = [part for part, module in maps.items() if module.out_features == width]
        outgoing = [part for part, module in maps.items() if module.in_features == width]
        if not incoming or not outgoing or set(incoming) & set(outgoing) or width == model.config.hidden_size:
            raise does_not_apply(
                source, "prune-neurons", f"its feed-forward layers of {width} neurons were not recognised"
            )
        # A gated layer multiplies two incoming maps, so their norms are multiplied too.
        score = 1.0
        for part in (*incoming, *outgoing):
            score = score * maps[part].weight.detach().float().norm(dim=1 if part in incoming else 0)
        kept = score.argsort(descending=True, stable=True)[:remaining].sort().values  # type: ignore[attr-defined]
        for part in incoming:
            for kind in ("weight", "bias"):
                _take(weights, f"{name}.{number}.{part}.{kind}", kept, axis=0)
        for part in outgoing:
            _take(weights, f"{name}.{number}.{part}.weight", kept, axis=1)
    config = deepcopy(model.config)
    setattr(config, key, remaining)
    with attempt(source, "prune-neurons", "it cannot be made narrower"):
        narrow = rebuilt(model, config, weights)
    return checkpoint(source, narrow, f"{remaining:,} of {width:,} neurons remain in each layer")


def neurons(source: TransformerModel, method: str) -> tuple[str, int]:
    """The configuration's key for the number of neurons in a layer, and that number."""
    for key in WIDTH:
        if isinstance(width := getattr(source.model.config, key, None), int):
            return key, width
    raise does_not_apply(source, method, f"its configuration has no {' or '.join(WIDTH)}")


def _take(weights: dict[str, Any], key: str, kept: Any, *, axis: int) -> None:
    if key in weights:
        weights[key] = weights[key].index_select(axis, kept)
