"""The machine that costs were measured on."""

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
    """A processor, how many of its cores may be used, how many threads the models were run with, and where they ran.

    ``threads`` is None where that is not known or not the same for all; ``device`` is "cpu", an accelerator's name, or
    "unknown".
    """

    processor: str
    cores: Positive
    threads: Positive | None
    platform: str
    device: str


def machine(models: Sequence[Traits]) -> Machine:
    """The machine, as models that state this of themselves use it."""
    counts = {traits.threads() for traits in models}
    devices = dict.fromkeys(described(traits.device) for traits in models if traits.device is not None)
    return Machine(
        processor=processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads=counts.pop() if len(counts) == 1 else None,
        platform=platform.platform(terse=True),
        device=", ".join(devices) or "unknown",
    )


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
