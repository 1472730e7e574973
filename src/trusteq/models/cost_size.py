"""How large a model is: its parameters, its files, and what it holds of them in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Size:
    """Numbers of a model that do not depend on the machine; None where they cannot be told.

    parameters: numbers it learnt; disk_bytes: its files, tokenizer included; weights_bytes: parameters and buffers in
    memory.
    """

    parameters: int | None = None
    disk_bytes: int | None = None
    weights_bytes: int | None = None


def held_bytes(module: Any) -> int:
    """Bytes of a torch module's parameters and buffers as they are held, packed or not, what is shared once."""
    storages = {}
    for tensor in (*module.parameters(), *module.buffers()):
        for part in _plain_parts(tensor):
            storage = part.untyped_storage()
            storages[(str(part.device), storage.data_ptr())] = storage.nbytes()
    return sum(storages.values())


def _plain_parts(tensor: Any) -> Iterator[Any]:
    """The plain tensors that a tensor is made of: values, scales and zero points of a quantized one."""
    if hasattr(tensor, "__tensor_flatten__"):  # torchao
        names, _ = tensor.__tensor_flatten__()
        for name in names:
            yield from _plain_parts(getattr(tensor, name))
        return
    yield tensor
    # bitsandbytes keeps the scales beside the packed values.
    state = getattr(tensor, "quant_state", None)
    for holder in (state, getattr(state, "state2", None)):
        yield from (part for name in ("absmax", "code") if (part := getattr(holder, name, None)) is not None)
    yield from (part for name in ("CB", "SCB") if (part := getattr(tensor, name, None)) is not None)


def file_bytes(files: Iterable[Path]) -> int:
    """Their bytes together, each file counted once."""
    return sum(file.stat().st_size for file in {file.resolve() for file in files})
