"""The machine on which costs are measured."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trusteq.stats.number import Positive  # noqa: TC001 - read where a record is

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.models.traits import Traits

CPU = "cpu"


@dataclass(frozen=True)
class Machine:
    """The processor, how many of its cores may be used, how many threads the models used, and their device.

    ``threads`` is None if it is unknown or differs between models; ``device`` is "cpu", an accelerator's name, or
    "unknown".
    """

    processor: str
    cores: Positive
    threads: Positive | None
    platform: str
    device: str


def machine(models: Sequence[Traits]) -> Machine:
    """The machine that this process runs on, with the threads and devices that the models' traits state."""
    counts = {traits.threads() for traits in models}
    devices = dict.fromkeys(device_name(traits.device) for traits in models if traits.device is not None)
    return Machine(
        processor=processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads=counts.pop() if len(counts) == 1 else None,
        platform=platform.platform(terse=True),
        device=", ".join(devices) or "unknown",
    )


def device_name(device: str) -> str:
    """A device, for a GPU with its product name."""
    if not device.startswith("cuda"):
        return device
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"


def processor() -> str:
    """The processor's product name."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine() or "unknown"
