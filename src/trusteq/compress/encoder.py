"""The part of a model that compression works on: its linear maps, and the convolutions of a model of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.models.auto_class import is_picture_model
from trusteq.models.layers import does_not_apply

if TYPE_CHECKING:
    from trusteq.models.transformer import TransformerModel


def linear_maps(source: TransformerModel, method: str) -> dict[str, Any]:
    """Every torch.nn.Linear by name, except in the head, which decides the answer and may be the embeddings too."""
    import torch

    return _modules(source, method, torch.nn.Linear)


def linear_maps_and_convolutions(source: TransformerModel, method: str) -> dict[str, Any]:
    """The same and, in a model of pictures, every torch.nn.Conv2d."""
    import torch

    is_of_pictures = is_picture_model(type(source.model).__name__)
    return _modules(source, method, torch.nn.Linear, *([torch.nn.Conv2d] if is_of_pictures else []))


def _modules(source: TransformerModel, method: str, *kinds: Any) -> dict[str, Any]:
    body = source.model.base_model
    prefix = "" if body is source.model else f"{source.model.base_model_prefix}."
    modules = {prefix + name: module for name, module in body.named_modules() if isinstance(module, kinds)}
    if not modules:
        raise does_not_apply(source, method, f"it has no {' or '.join(f'torch.nn.{kind.__name__}' for kind in kinds)}")
    return modules
