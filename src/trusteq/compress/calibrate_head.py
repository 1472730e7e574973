"""A map saved into a transformers classifier: in the weight and the bias of the linear layer that gives its logits.

Only these two tensors of its files change; every other byte stays, so whatever is rounded, pruned or packed stays so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.calibrate_maps import SMALLEST, Temperature, Vector
from trusteq.compress.stored_tensors import StoredTensors, save_with
from trusteq.models.encoder import is_plain
from trusteq.models.layers import does_not_apply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.compress.calibrate_maps import CalibrationMap, MapName
    from trusteq.data.items import Items

FEW = 8
"""How many items show whether a layer's output is the logits."""


@dataclass(frozen=True)
class Head:
    """The linear layer, by its name in the model, and its tensors as stored: the weight, and the bias if any."""

    source: Any
    name: str
    tensors: Mapping[str, Any]

    @property
    def cannot(self) -> Mapping[MapName, str]:
        """The maps that it cannot hold, and why."""
        refusals: dict[MapName, str] = {
            "isotonic": "a linear layer cannot hold one; use --map vector, or export the candidate (--method onnx) and "
            "calibrate the graph"
        }
        if f"{self.name}.bias" not in self.tensors:
            refusals["vector"] = (
                f"its last layer, {self.name}, has no bias, which one needs; use --map temperature, or export the "
                "candidate (--method onnx) and calibrate the graph"
            )
        return refusals

    @property
    def floor(self) -> float:
        """The smallest probability that the map is given."""
        return SMALLEST

    @property
    def where(self) -> str:
        """What holds the map, for a recipe."""
        return self.name

    def write(self, folder: Path, fitted: CalibrationMap) -> None:
        """Copy the candidate's files to a folder, with the map in the head's tensors."""
        import torch

        folded = _folded(fitted, *(tensor.double().numpy() for tensor in self.tensors.values()))
        replaced = dict(zip(self.tensors, map(torch.from_numpy, folded), strict=True))
        save_with(self.source.files, replaced, folder)


def head_of(source: Any, items: Items) -> Head:
    """The linear layer that gives a model's logits; an error if there is none that a map can be folded into."""
    name, layer = _last_layer(source, items)
    names = [key for key, _ in layer.named_parameters()]
    shared = [key for key, weight in source.model.named_parameters(remove_duplicate=False) if weight is layer.weight]
    if len(shared) > 1:
        raise _refused(source, f"its last layer shares its weight with {next(k for k in shared if name not in k)}")
    stored, tensors = StoredTensors.of(source.files), {}
    for key in (f"{name}.{part}" for part in names):
        if key not in stored:
            raise _refused(source, f"its files hold no tensor {key}")
        loaded, tensors[key] = source.model.get_parameter(key).detach().cpu(), stored[key]
        if tensors[key].shape != loaded.shape or not bool((tensors[key].to(loaded.dtype) == loaded).all()):
            raise _refused(source, f"{key} in its files is not what the model computes with")
    return Head(source, name, tensors)


def _last_layer(source: Any, items: Items) -> tuple[str, Any]:
    """The name and the module of the last linear layer, whose output must be the logits for the first items."""
    layers = {
        name: module
        for name, module in source.model.named_modules()
        if is_plain(module) and module.out_features == len(source.labels)
    }
    heard: dict[str, Any] = {}
    hooks = [
        module.register_forward_hook(lambda _, inputs, output, name=name: heard.update({name: output}))
        for name, module in layers.items()
    ]
    matches: set[str] = set(layers)

    def compare(_: Any, inputs: Any, output: Any) -> None:
        matches.intersection_update(name for name in layers if name in heard and _gives(heard[name], output.logits))
        heard.clear()

    hooks.append(source.model.register_forward_hook(compare))
    try:
        source.predict(items.take(np.arange(min(FEW, len(items)))))
    finally:
        for hook in hooks:
            hook.remove()
    if not matches:
        raise _refused(source, "its logits are not the output of a plain linear layer")
    name = [name for name in layers if name in matches][-1]
    return name, layers[name]


def _gives(output: Any, logits: Any) -> bool:
    """Whether a layer's output [rows, labels] is the logits, or at one of its tokens [rows, tokens, labels]."""
    if output.ndim == 3:
        return bool((output == logits[:, None].to(output.dtype)).all(dim=2).any(dim=1).all())
    return output.shape == logits.shape and bool((output == logits.to(output.dtype)).all())


def _folded(
    fitted: CalibrationMap, weight: NDArray[np.float64], bias: NDArray[np.float64] | None = None
) -> list[NDArray[np.float64]]:
    """The weight [labels, inputs] and, if there is one, the bias [labels] that give the logits after the map."""
    tensors = [weight] if bias is None else [weight, bias]
    if isinstance(fitted, Temperature):
        return [tensor / fitted.temperature for tensor in tensors]
    assert isinstance(fitted, Vector)  # noqa: S101 - others are among what it cannot hold
    assert bias is not None  # noqa: S101 - nor a vector without it
    return [
        fitted.scale[:, None] * (weight - weight.mean(axis=0)),
        fitted.scale * (bias - bias.mean()) + fitted.bias,
    ]


def _refused(source: Any, why: str) -> Exception:
    advice = "export the candidate (--method onnx) and calibrate the graph"
    return does_not_apply(source, "calibrate", f"{why}; {advice}")
