"""The layers of a classifier of transformers, and the same classifier with some of them."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.models.transformer import TransformerModel


def layer_list(source: TransformerModel, method: str) -> tuple[str, Any]:
    """The name and the modules of the one list that holds its layers."""
    import torch

    count = getattr(source.model.config, "num_hidden_layers", None)
    found = [
        (name, module)
        for name, module in source.model.named_modules()
        if isinstance(module, torch.nn.ModuleList)
        and len(module) == count
        and len({type(part) for part in module}) == 1
    ]
    if len(found) != 1:
        raise does_not_apply(source, method, f"its {count} layers are not in one list (found {len(found)})")
    return found[0]


def with_layers(model: Any, name: str, kept: Sequence[int]) -> Any:
    """The same classifier with only these of its layers, in this order; ``name`` is that of their list."""
    config = deepcopy(model.config)
    config.num_hidden_layers = len(kept)
    if getattr(config, "layer_types", None):
        config.layer_types = [config.layer_types[i] for i in kept]
    place = {old: new for new, old in enumerate(kept)}
    weights = {}
    for key, tensor in model.state_dict().items():
        if key.startswith(f"{name}."):
            number, _, rest = key.removeprefix(f"{name}.").partition(".")
            if int(number) not in place:
                continue
            key = f"{name}.{place[int(number)]}.{rest}"
        weights[key] = tensor
    return rebuilt(model, config, weights)


def rebuilt(model: Any, config: Any, weights: dict[str, Any]) -> Any:
    """A model of the same class with another configuration, whose every weight is given."""
    import transformers

    made = transformers.AutoModelForSequenceClassification.from_config(config, dtype=model.dtype)
    made.load_state_dict(weights)
    return made.eval()


def kept_layers(total: int, stay: int | None, drop: str) -> list[int]:
    """Which layers stay, counted from 0; half of them, rounded up, unless told how many."""
    stay = (total + 1) // 2 if stay is None else stay
    if drop == "last":
        return list(range(stay))
    if drop == "first":
        return list(range(total - stay, total))
    return [i * total // stay for i in range(stay)]


def does_not_apply(source: TransformerModel, method: str, why: str) -> ModelError:
    """The error that says why a method can do nothing with this model."""
    return ModelError(
        f"model {source.name}: method {method} does not apply to this {type(source.model).__name__}: {why}"
    )
