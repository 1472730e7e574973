"""Whether every parameter of a loaded model came out of its files, whatever the library says that loaded it."""

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
    """Nothing, or the error that names parameters whose values are in none of the files, in whole or in part.

    ``unused`` are tensors of the files that have no place in the model.
    """
    from safetensors import safe_open

    with ExitStack() as opened:
        stored: dict[str, Any] = {}
        for file in files:
            tensors = opened.enter_context(safe_open(file, framework="pt"))
            stored |= dict.fromkeys(tensors.keys(), tensors)
        strange = _strange(model, stored, unused)
    if strange:
        raise ModelError(
            f"model {name}: {len(strange)} of its tensors do not hold what the checkpoint does ({first_few(strange)}); "
            "refusing a partly random model"
        )


def _strange(model: Any, stored: Mapping[str, Any], unused: Collection[str]) -> list[str]:
    """The parameters that did not come out of the stored tensors, by name."""
    sizes: dict[int, list[str]] = {}
    for place, tensors in stored.items():
        sizes.setdefault(math.prod(tensors.get_slice(place).get_shape()), []).append(place)
    apart, taken = dict(model.named_parameters()), set(unused)
    for key, tensor in (*model.named_parameters(), *model.named_buffers()):
        # Under its own name first; others stand there under a name of former days.
        places = sorted(sizes.get(tensor.numel(), []), key=lambda place: (place != key, place))
        found = next((place for place in places if _same(stored[place].get_tensor(place), tensor)), None)
        if found is not None:
            apart.pop(key, None)
            taken.add(found)
    if getattr(model, "hf_quantizer", None) is not None:  # packed or unpacked: told by what stands beside it alone
        return [key for key in apart if not any(place.startswith(_module(key)) for place in stored)]
    return _of_no_tensors(apart, (stored[place].get_tensor(place) for place in stored if place not in taken))


def _of_no_tensors(parameters: Mapping[str, Any], tensors: Iterable[Any]) -> list[str]:
    """Those parameters that are not the tensors put together, cut apart or turned; all where that cannot be told."""
    if not parameters:
        return []
    dtype = next(iter(parameters.values())).dtype
    made, left = dict(parameters), [tensor.to(dtype) for tensor in tensors]
    # Constants, such as biases that were never trained, equal each other wherever they stand.
    constants = {_bits(tensor)[0].item() for tensor in left if tensor.numel() and _is_constant(tensor)}
    for key, parameter in parameters.items():
        if _is_constant(parameter) and constants.issuperset(_bits(parameter)[:1].tolist()):
            del made[key]
    varied = [tensor for tensor in left if not _is_constant(tensor)]
    return list(made) if _values(made.values()) != _values(varied) else []


def _is_constant(tensor: Any) -> bool:
    bits = _bits(tensor)
    return bool((bits == bits[:1]).all())


def _module(key: str) -> str:
    return f"{key.rpartition('.')[0]}."


def _same(tensor: Any, loaded: Any) -> bool:
    """Whether a stored tensor, in the precision of one of the model, is that one to the bit, whatever its shape."""
    import torch

    if type(loaded.data) is not torch.Tensor or loaded.is_meta:
        return False
    return torch.equal(_bits(tensor.to(loaded.dtype)), _bits(loaded))


def _bits(tensor: Any) -> Any:
    """A tensor's values as whole numbers [values], so that not-a-number equals itself."""
    import torch

    kind = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.int64}[tensor.element_size()]
    return tensor.detach().contiguous().view(kind).reshape(-1)


def _values(tensors: Iterable[Any]) -> int:
    """A number made of all values, whatever their order and shapes."""
    import torch

    total = 0
    for tensor in tensors:
        mixed = _bits(tensor).to(torch.int64) * -7046029254386353131  # splitmix64's constants
        mixed = (mixed ^ (mixed >> 29)) * -4658895280553007687
        total += int(mixed.sum())
    return total % 2**64
