"""A hash of a model's weights as it computes with them, in whatever form they are stored.

The weights of a quantized layer are its answers to the unit vectors, without its bias: exactly, and for every method of
quantization, because all products but one are 0.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = 1024
"""Unit vectors in one call of a layer."""


def weights_hash(model: Any) -> str:
    """SHA-256 of all weights by name, as 32-bit numbers."""
    import torch

    if getattr(model, "hf_quantizer", None) is not None:
        with torch.inference_mode():  # compressed-tensors unpacks weights when the whole model first runs, not a layer
            model(input_ids=torch.zeros((1, 1), dtype=torch.long, device=model.device), use_cache=False)
    total = hashlib.sha256()
    for name, tensor in sorted(_weights(model), key=lambda pair: pair[0]):
        # Digests, not bytes, so that moving numbers from one tensor to the next changes the hash.
        total.update(f"{name} {tuple(tensor.shape)}\0".encode() + hashlib.sha256(_bytes(tensor)).digest())
    return total.hexdigest()


def _weights(model: Any) -> Iterator[tuple[str, Any]]:
    """Every weight with its name, quantized ones as the model computes with them; tied ones under each of its names."""
    import torch

    packed = {name: module for name, module in model.named_modules() if _is_packed(module)}
    for name, module in packed.items():
        yield f"{name}.weight", _applied(module, model)
        if getattr(module, "bias", None) is not None:
            yield f"{name}.bias", module.bias
    for name, tensor in model.named_parameters(remove_duplicate=False):
        if name.rpartition(".")[0] not in packed:
            yield name, tensor.dequantize() if type(tensor.data) is not torch.Tensor else tensor
    persistent = model.state_dict(keep_vars=True)
    for name, tensor in model.named_buffers(remove_duplicate=False):
        if name in persistent and name.rpartition(".")[0] not in packed:
            yield name, tensor


def _is_packed(module: Any) -> bool:
    """Whether a module is a linear layer whose weights are not plain numbers."""
    import torch

    if not {"in_features", "out_features"} <= set(dir(module)):
        return False
    weight = getattr(module, "weight", None)
    plain = isinstance(weight, torch.nn.Parameter) and type(weight.data) is torch.Tensor and weight.is_floating_point()
    return not plain or "forward" in vars(module)


def _applied(module: Any, model: Any) -> Any:
    """The weights of a linear layer [out, in], from its answers to unit vectors."""
    import torch

    size, bias = module.in_features, getattr(module, "bias", None)
    if bias is not None:  # adding and subtracting it would round the weights
        module.bias = None
    columns = []
    try:
        with torch.inference_mode():
            for start in range(0, size, VECTORS):
                count = min(VECTORS, size - start)
                units = torch.zeros(count, size, dtype=model.dtype, device=model.device)
                units[torch.arange(count), torch.arange(start, start + count)] = 1
                columns.append(module(units))
    finally:
        if bias is not None:
            module.bias = bias
    return torch.cat(columns).T


def _bytes(tensor: Any) -> Any:
    """A tensor's numbers in 32 bits, as bytes; -0 is 0, because whole numbers have only one zero."""
    import torch

    return (tensor.detach().to("cpu", torch.float32) + 0.0).contiguous().numpy().data
