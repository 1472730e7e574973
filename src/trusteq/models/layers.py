"""The layers of a transformers model, and the same model with only some of them."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Protocol

from trusteq.errors import ModelError
from trusteq.models.auto_class import auto_class, is_language_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.models.transformer import TransformerModel


def layer_list(source: TransformerModel, method: str) -> tuple[str, Any]:
    """The name and the modules of the list that holds the model's layers."""
    import torch

    count = getattr(source.model.config, "num_hidden_layers", None)
    if count is None:
        raise does_not_apply(source, method, "its configuration has no num_hidden_layers, so its layers are not a list")
    if getattr(source.model.config, "depths", None):
        raise does_not_apply(source, method, "its layers come in stages, of which none can be left out")
    lists = [
        (name, module)
        for name, module in source.model.named_modules()
        if isinstance(module, torch.nn.ModuleList)
        and len(module) == count
        and len({type(part) for part in module}) == 1
    ]
    if len(lists) != 1:
        raise does_not_apply(source, method, f"its {count} layers are not in one list (found {len(lists)})")
    return lists[0]


def with_layers(model: Any, name: str, kept: Sequence[int]) -> Any:
    """The same model with only these of its layers, in this order; ``name`` is the name of their list.

    A ValueError if a layer would work otherwise than it does in the model, as where its settings depend on its number.
    """
    config = _cut(model.config, kept)
    positions = {old: new for new, old in enumerate(kept)}
    weights = {}
    for key, tensor in model.state_dict().items():
        if key.startswith(f"{name}."):
            number, _, rest = key.removeprefix(f"{name}.").partition(".")
            if int(number) not in positions:
                continue
            key = f"{name}.{positions[int(number)]}.{rest}"
        weights[key] = tensor
    smaller = rebuilt(model, config, weights)
    for new, old in enumerate(kept):
        before, after = (stack.get_submodule(name)[i] for stack, i in ((model, old), (smaller, new)))
        if changed := _changed(before, after, moved=new - old):
            raise ValueError(f"its layer {old + 1} would change: it has another {changed} in place {new + 1}")
    return smaller


PER_LAYER = ("layer", "block", "types", "pattern")
"""Words in the names of settings that list a value for each layer."""


def _cut(config: Any, kept: Sequence[int]) -> Any:
    """The configuration for only these layers; a list of settings by layer, e.g. no_rope_layers, keeps theirs."""
    cut, count = deepcopy(config), config.num_hidden_layers
    cut.num_hidden_layers = len(kept)
    for key, values in vars(config).items():
        if isinstance(values, list | tuple) and len(values) == count and any(word in key for word in PER_LAYER):
            setattr(cut, key, type(values)(values[i] for i in kept))
    if config.model_type == "gpt_neo":  # which is saved with pairs of kinds of layers and how often they repeat
        cut.attention_types = [[[config.attention_layers[i] for i in kept], 1]]
    return cut


def _changed(before: Any, after: Any, *, moved: int) -> str | None:
    """The name of a setting or constant in which two layers differ, besides their number; None if there is none."""
    import torch

    for (path, old), (other, new) in zip(before.named_modules(), after.named_modules(), strict=False):
        if (path, type(old)) != (other, type(new)):
            return path or "kind"
        for key, value in vars(old).items():
            if key == "training" or key.startswith("_") or not isinstance(value, bool | int | float | str | None):
                continue
            number = value + moved if type(value) is int and key.startswith("layer") else value
            if vars(new).get(key) not in (value, number):
                return str(key)
        constants = dict(new.named_buffers(recurse=False))
        for key, tensor in old.named_buffers(recurse=False):
            if key not in constants or not torch.equal(tensor.cpu(), constants[key].cpu()):
                return str(key)
    return None


def rebuilt(model: Any, config: Any, weights: dict[str, Any]) -> Any:
    """A model of the same class with another configuration and these weights, which must be complete."""
    architecture = type(model).__name__
    copy = auto_class(architecture).from_config(config, dtype=model.dtype)
    copy.load_state_dict(weights)
    if is_language_model(architecture):
        copy.generation_config = model.generation_config
    return copy.eval()


DROPS = ("last", "first", "evenly")
"""Which layers may be left out."""


def kept_layers(total: int, count: int | None, drop: str) -> list[int]:
    """Which layers to keep, counted from 0; by default half of them, rounded up."""
    count = (total + 1) // 2 if count is None else count
    if drop == "last":
        return list(range(count))
    if drop == "first":
        return list(range(total - count, total))
    return [i * total // count for i in range(count)]


class Compressible(Protocol):
    """A model that a method is used on; its ``model`` is a torch module, or None for a graph."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    @property
    def model(self) -> Any:
        """What transformers made of it."""


def does_not_apply(source: Compressible, method: str, why: str) -> ModelError:
    """The error that says why a method cannot be used on this model."""
    what = "ONNX graph" if source.model is None else type(source.model).__name__
    return ModelError(f"model {source.name}: method {method} does not apply to this {what}: {why}")
