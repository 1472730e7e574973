"""Whether language models fit in memory together, as told by their files before any of them is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trusteq.models.cost_machine import CPU
from trusteq.models.gguf_file import is_gguf
from trusteq.models.hub import cached_config

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMORY = Path("/proc/meminfo")
GB = 1e9


def crowded(locations: Sequence[str], device: str | None = None) -> str:
    """Why the models cannot all be in main memory, in words; empty if they can, or if nothing says how much there is.

    Empty on an accelerator, too, of whose memory nothing is asked. A hub id that is not in the cache counts as nothing.
    """
    if device != CPU and (device or _has_accelerator()):
        return ""
    available = available_bytes()
    needed = sum(weights_bytes(location) for location in locations)
    if available is None or needed <= available:
        return ""
    return (
        f"the weights of all {len(locations)} models take {needed / GB:.3g} GB, and {available / GB:.3g} GB of memory "
        "are available"
    )


def _has_accelerator() -> bool:
    try:
        import torch
    except ModuleNotFoundError:
        return False  # opening a model says so
    return torch.cuda.is_available()


def available_bytes(memory: Path = MEMORY) -> int | None:
    """Bytes of main memory that processes can still get; None where the system does not say (only Linux does)."""
    try:
        lines = memory.read_text("utf-8").splitlines()
    except OSError:
        return None
    sizes = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((1024 * int(size) for size in sizes), None)


def weights_bytes(location: str) -> int:
    """Bytes that the weights at a location take in memory: as stored, but 32 bits each from a GGUF file."""
    path = Path(location).expanduser()
    if is_gguf(path):
        try:
            from gguf import GGUFReader

            return 4 * sum(int(tensor.n_elements) for tensor in GGUFReader(path).tensors)
        except Exception:
            return 0  # whatever is wrong is told when it is opened
    config = None if path.exists() else cached_config(location)
    folder = path if config is None else config.parent
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
