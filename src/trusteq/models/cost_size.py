"""How large a model is: its parameters, its files, and its weights in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Size:
    """Sizes of a model, which do not depend on the machine; None where they are not known.

    parameters: how many numbers it has learnt; disk_bytes: its files, including the tokenizer; weights_bytes:
    parameters and buffers in memory.
    """

    parameters: int | None = None
    disk_bytes: int | None = None
    weights_bytes: int | None = None


def memory_bytes(module: Any) -> int:
    """Bytes of a torch module's parameters and buffers as stored in memory, packed or not; shared ones count once."""
    storages = {}
    for tensor in (*module.parameters(), *module.buffers()):
        for part in plain_parts(tensor):
            storage = part.untyped_storage()
            storages[(str(part.device), storage.data_ptr())] = storage.nbytes()
    return sum(storages.values())


def plain_parts(tensor: Any) -> Iterator[Any]:
    """The plain tensors that a tensor is made of: values, scales and zero points of a quantized one."""
    if hasattr(tensor, "__tensor_flatten__"):  # torchao
        names, _ = tensor.__tensor_flatten__()
        for name in names:
            yield from plain_parts(getattr(tensor, name))
        return
    yield tensor
    # bitsandbytes keeps the scales apart from the packed values.
    state = getattr(tensor, "quant_state", None)
    for holder in (state, getattr(state, "state2", None)):
        yield from (part for name in ("absmax", "code") if (part := getattr(holder, name, None)) is not None)
    yield from (part for name in ("CB", "SCB") if (part := getattr(tensor, name, None)) is not None)


def file_bytes(files: Iterable[Path]) -> int:
    """The total size of the files, each counted once."""
    return sum(file.stat().st_size for file in {file.resolve() for file in files})
