"""The right number of threads: more threads than cores make everything several times slower."""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

QUOTA = Path("/sys/fs/cgroup")


def wait_passively() -> None:
    """Let threads that wait for others sleep; must be called before any numerical library is imported.

    Busy waiting is a few per cent faster on an idle machine, and several times slower on a busy one.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextmanager
def few_threads() -> Iterator[None]:
    """Within the context, models compute with all available cores, and linear algebra of small arrays with one."""
    import scipy.linalg  # noqa: F401 - limits do not apply to libraries that are loaded later
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it

    with threadpool_limits(limits=1, user_api="blas"):
        try:
            import torch
        except ImportError:
            yield
            return
        count = torch.get_num_threads()
        if "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(cores())
        try:
            yield
        finally:
            torch.set_num_threads(count)


def cores(quota: Path = QUOTA) -> int:
    """The cores that the process may use, by its affinity or its control group's quota, whichever is less."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, _quota(quota))))


def _quota(quota: Path) -> float:
    """The control group's share of processor time, in cores; infinite where it is not limited."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            time, period = (part for file in files for part in (quota / file).read_text("ascii").split())
            if time not in {"max", "-1"}:
                return int(time) / int(period)
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return math.inf
