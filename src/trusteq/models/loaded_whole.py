"""Whether every parameter of a loaded model came from its files, whatever the loading library reports."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.checkpoint import first_few

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path


def refuse_parameters_not_in_files(model: Any, files: Iterable[Path], *, unused: Collection[str], name: str) -> None:
    """An error, which names them, if the values of some parameters are not, or not entirely, in the files.

    ``unused`` are tensors of the files that the model does not use.
    """
    from safetensors import safe_open

    with ExitStack() as opened:
        stored: dict[str, Any] = {}
        for file in files:
            tensors = opened.enter_context(safe_open(file, framework="pt"))
            stored |= dict.fromkeys(tensors.keys(), tensors)
        unmatched = _unmatched(model, stored, unused)
    if unmatched:
        raise ModelError(
            f"model {name}: {len(unmatched)} of its tensors differ from the checkpoint ({first_few(unmatched)}); "
            "refusing a partly random model"
        )


def _unmatched(model: Any, stored: Mapping[str, Any], unused: Collection[str]) -> list[str]:
    """The names of the parameters that did not come from the stored tensors."""
    by_size: dict[int, list[str]] = {}
    for tensor_name, tensors in stored.items():
        by_size.setdefault(math.prod(tensors.get_slice(tensor_name).get_shape()), []).append(tensor_name)
    remaining, matched = dict(model.named_parameters()), set(unused)
    for key, tensor in (*model.named_parameters(), *model.named_buffers()):
        # Try its own name first; some tensors are stored under an older name.
        candidates = sorted(by_size.get(tensor.numel(), []), key=lambda candidate: (candidate != key, candidate))
        match = next((c for c in candidates if _same(stored[c].get_tensor(c), tensor)), None)
        if match is not None:
            remaining.pop(key, None)
            matched.add(match)
    if getattr(model, "hf_quantizer", None) is not None:  # packed or unpacked: the module's stored tensors must do
        return [
            key
            for key, tensor in remaining.items()
            if not any(stored_name.startswith(_module(key)) for stored_name in stored)
            and not _all_stored(tensor, stored, by_size)
        ]
    return _not_rearranged(remaining, (stored[name].get_tensor(name) for name in stored if name not in matched))


def _all_stored(tensor: Any, stored: Mapping[str, Any], by_size: Mapping[int, list[str]]) -> bool:
    """Whether a rounded weight's parts, such as whole numbers and scales, are all stored, under whatever name."""
    if not hasattr(tensor.data, "__tensor_flatten__"):
        return False
    parts = [getattr(tensor.data, name) for name in tensor.data.__tensor_flatten__()[0]]
    return all(
        any(_same(stored[name].get_tensor(name), part) for name in by_size.get(part.numel(), ())) for part in parts
    )


def _not_rearranged(parameters: Mapping[str, Any], tensors: Iterable[Any]) -> list[str]:
    """The parameters, unless together they are the tensors joined, split or transposed; then none."""
    if not parameters:
        return []
    dtype = next(iter(parameters.values())).dtype
    remaining, unmatched = dict(parameters), [tensor.to(dtype) for tensor in tensors]
    # Constants, e.g. biases that were never trained, match any equal constant.
    constants = {_bits(tensor)[0].item() for tensor in unmatched if tensor.numel() and _is_constant(tensor)}
    for key, parameter in parameters.items():
        if _is_constant(parameter) and constants.issuperset(_bits(parameter)[:1].tolist()):
            del remaining[key]
    varied = [tensor for tensor in unmatched if not _is_constant(tensor)]
    return list(remaining) if _checksum(remaining.values()) != _checksum(varied) else []


def _is_constant(tensor: Any) -> bool:
    bits = _bits(tensor)
    return bool((bits == bits[:1]).all())


def _module(key: str) -> str:
    return f"{key.rpartition('.')[0]}."


def _same(tensor: Any, loaded: Any) -> bool:
    """Whether a stored tensor, converted to a loaded one's precision, equals it to the bit, whatever its shape."""
    import torch

    if type(loaded.data) is not torch.Tensor or loaded.is_meta:
        return False
    return torch.equal(_bits(tensor.to(loaded.dtype)), _bits(loaded))


def _bits(tensor: Any) -> Any:
    """A tensor's values as integers [values], so that NaN equals itself."""
    import torch

    kind = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.int64}[tensor.element_size()]
    return tensor.detach().contiguous().view(kind).reshape(-1)


def _checksum(tensors: Iterable[Any]) -> int:
    """A checksum of all values that does not depend on their order and shapes."""
    import torch

    total = 0
    for tensor in tensors:
        mixed = _bits(tensor).to(torch.int64) * -7046029254386353131  # splitmix64's constants
        mixed = (mixed ^ (mixed >> 29)) * -4658895280553007687
        total += int(mixed.sum())
    return total % 2**64
