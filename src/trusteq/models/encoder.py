"""Where the parts of an encoder are that answers can be had from for less."""

from __future__ import annotations

from typing import Any

PROJECTIONS = (
    ("attention.self.query", "attention.self.key", "attention.self.value"),  # BERT and those that copied its layer
    ("attention.q_lin", "attention.k_lin", "attention.v_lin"),  # DistilBERT
)


def layers(model: Any) -> Any:
    """The layers of a model's encoder, first to last; None where there is none of a known kind."""
    body = getattr(model, model.base_model_prefix, None)
    stack = getattr(body, "encoder", None) or getattr(body, "transformer", None)
    return getattr(stack, "layer", None) or None


def projections(layer: Any) -> tuple[Any, ...]:
    """What makes a layer's queries, keys and values; nothing where it is of no known kind."""
    return next((found for names in PROJECTIONS if all(found := tuple(part(layer, name) for name in names))), ())


def part(module: Any, path: str) -> Any:
    """The module at a path of names; None where there is none."""
    for name in path.split("."):
        module = getattr(module, name, None)
    return module


def is_plain(linear: Any) -> bool:
    """Whether a module is a product and a sum of ordinary numbers, and nobody has changed or watches it."""
    import torch

    weight = getattr(linear, "weight", None)  # what is packed has its numbers elsewhere
    return (
        type(linear) is torch.nn.Linear
        and type(weight) is torch.nn.Parameter
        and type(weight.data) is torch.Tensor
        and weight.is_floating_point()
        and "forward" not in vars(linear)
        and not linear._forward_hooks
        and not linear._forward_pre_hooks
    )
