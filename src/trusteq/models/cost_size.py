"""How large a model is: its parameters, its files, and what it holds of them in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.models.cost_initialisers import initialisers
from trusteq.models.files import TOKENIZER_FILES, matching
from trusteq.models.onnx_file import external_files, graph_file
from trusteq.models.onnx_session import OnnxModel
from trusteq.models.transformer import FILES, TransformerModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trusteq.models.base import Model


@dataclass(frozen=True)
class Size:
    """Numbers of a model that do not depend on the machine; None where they cannot be told.

    parameters: numbers it learnt; disk_bytes: its files, tokenizer included; weights_bytes: parameters and buffers in
    memory.
    """

    parameters: int | None = None
    disk_bytes: int | None = None
    weights_bytes: int | None = None


def size(model: Model) -> Size:
    """How large a model is; of a Python object nothing is known."""
    if isinstance(model, TransformerModel):
        folder = Path(model.model.name_or_path)
        parameters = model.identity.details.get("parameters")
        return Size(parameters, _bytes(matching(folder, FILES).values()), held_bytes(model.model))
    if isinstance(model, OnnxModel):
        file = graph_file(Path(model.identity.location).expanduser(), name=model.name)
        tokenizer = model.identity.details.get("tokenizer")
        files = {file, *external_files(file).values(), *matching(file.parent, ["config.json"]).values()}
        files |= set(matching(Path(tokenizer), TOKENIZER_FILES).values()) if tokenizer else set()
        weights = initialisers(file)
        return Size(weights.parameters, _bytes(files), weights.bytes)
    return Size()


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


def _bytes(files: Iterable[Path]) -> int | None:
    """Their bytes together; None where there is no file."""
    sizes = [file.stat().st_size for file in files]
    return sum(sizes) if sizes else None
