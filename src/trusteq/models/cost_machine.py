"""The machine that costs were measured on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trusteq.models.onnx_session import OnnxModel
from trusteq.models.transformer import TransformerModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.models.base import Model

CPU = "cpu"


@dataclass(frozen=True)
class Machine:
    """A processor, how many of its cores may be used, how many threads the models were run with, and where they ran.

    ``threads`` is None where that is not known or not the same for all; ``device`` is "cpu", an accelerator's name, or
    "unknown".
    """

    processor: str
    cores: int
    threads: int | None
    platform: str
    device: str


def machine(models: Sequence[Model]) -> Machine:
    """The machine, as these models use it."""
    counts = {threads(model) for model in models}
    devices = dict.fromkeys(described(name) for model in models if (name := device(model)) is not None)
    return Machine(
        processor=processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads=counts.pop() if len(counts) == 1 else None,
        platform=platform.platform(terse=True),
        device=", ".join(devices) or "unknown",
    )


def threads(model: Model) -> int | None:
    """How many threads a model computes with; None where its runtime does not tell."""
    if isinstance(model, TransformerModel):
        import torch

        return torch.get_num_threads()
    if isinstance(model, OnnxModel):
        # 0 leaves it to the runtime, which takes one a physical core.
        return int(model.session.get_session_options().intra_op_num_threads) or None
    return None


def device(model: Model) -> str | None:
    """Where a model runs; None where that is not known."""
    if isinstance(model, TransformerModel):
        return str(model.model.device)
    return CPU if isinstance(model, OnnxModel) else None


def described(name: str) -> str:
    """A device with the name that its maker gave it."""
    if not name.startswith("cuda"):
        return name
    import torch

    return f"{name} ({torch.cuda.get_device_name(name)})"


def processor() -> str:
    """The name that the processor gives itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine() or "unknown"
