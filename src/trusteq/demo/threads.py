"""As many threads as help: more than there are cores for them make everything several times slower."""

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
    """Let threads that wait for others sleep; to be called before anything that computes is imported.

    Waiting awake is faster where the machine is free, by a few hundredths, and several times slower where it is not.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextmanager
def few_threads() -> Iterator[None]:
    """Meanwhile a model computes with all cores that there are, and the algebra of small arrays with one."""
    import scipy.linalg  # noqa: F401 - what is loaded later would not be bound
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it

    with threadpool_limits(limits=1, user_api="blas"):
        try:
            import torch
        except ImportError:
            yield
            return
        before = torch.get_num_threads()
        if "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(cores())
        try:
            yield
        finally:
            torch.set_num_threads(before)


def cores(quota: Path = QUOTA) -> int:
    """The cores that the process is bound to, or what its control group is given, whichever is less."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(bound, _given(quota))))


def _given(quota: Path) -> float:
    """The control group's share of processor time, in cores; infinite where it has none of its own."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            time, period = (part for file in files for part in (quota / file).read_text("ascii").split())
            if time not in {"max", "-1"}:
                return int(time) / int(period)
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return math.inf
