"""Where an encoder keeps the parts that can be computed at a lower cost."""

from __future__ import annotations

from typing import Any

PROJECTIONS = (
    ("attention.self.query", "attention.self.key", "attention.self.value"),  # BERT and models that copied its layer
    ("attention.q_lin", "attention.k_lin", "attention.v_lin"),  # DistilBERT
)


def layers(model: Any) -> Any:
    """The layers of a model's encoder, first to last; None if it has no encoder of a known kind."""
    body = getattr(model, model.base_model_prefix, None)
    stack = getattr(body, "encoder", None) or getattr(body, "transformer", None)
    return getattr(stack, "layer", None) or None


def projections(layer: Any) -> tuple[Any, ...]:
    """The modules that compute a layer's queries, keys and values; empty if it is not of a known kind."""
    return next((modules for names in PROJECTIONS if all(modules := tuple(part(layer, name) for name in names))), ())


def part(module: Any, path: str) -> Any:
    """The module at a path of names; None if there is none."""
    for name in path.split("."):
        module = getattr(module, name, None)
    return module


def is_plain(linear: Any) -> bool:
    """Whether a module is an ordinary torch.nn.Linear: not packed, not modified, without hooks."""
    import torch

    weight = getattr(linear, "weight", None)  # packed modules keep their numbers elsewhere
    return (
        type(linear) is torch.nn.Linear
        and type(weight) is torch.nn.Parameter
        and type(weight.data) is torch.Tensor
        and weight.is_floating_point()
        and "forward" not in vars(linear)
        and not linear._forward_hooks
        and not linear._forward_pre_hooks
    )
