"""The hash of a model that is in memory: its weights, and the configuration that says how they are used."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.cost_size import plain_parts
from trusteq.models.files import VOLATILE

if TYPE_CHECKING:
    from collections.abc import Mapping


def weights_hash(module: Any, *also: str, name: str) -> str:
    """SHA-256 of a torch module's class, of the names, types and values of its parameters and buffers, and of texts."""
    import torch

    digest = hashlib.sha256(f"{type(module).__module__}.{type(module).__qualname__}\x00".encode())
    for key, tensor in sorted((*module.named_parameters(), *module.named_buffers()), key=lambda pair: pair[0]):
        for part in plain_parts(tensor):
            if part.is_meta:
                raise ModelError(f"model {name}: {key} is on the meta device, without values; load the weights first")
            plain = part.detach().cpu().contiguous()
            digest.update(f"{key} {plain.dtype} {tuple(plain.shape)}\x00".encode())
            digest.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    for text in also:
        digest.update(f"{len(text)} {text}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def configuration(config: Mapping[str, Any]) -> str:
    """A configuration as text, without what does not affect answers."""
    return json.dumps({key: value for key, value in config.items() if key not in VOLATILE}, sort_keys=True, default=str)
