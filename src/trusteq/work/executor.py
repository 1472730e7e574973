"""The executor that a user's options describe: where models run, and where finished work is kept."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from trusteq.errors import OptionError
from trusteq.work.processes import Processes
from trusteq.work.ray_cluster import RayCluster
from trusteq.work.shard import HERE
from trusteq.work.shard_files import CachingExecutor, ShardFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trusteq.work.shard import Executor


@contextmanager
def executor(
    *,
    workers: int = 1,
    keep: str | Path | None = None,
    resume: bool = True,
    deadline: float | None = None,
    ray: bool | str = False,
    gpus: float = 0.0,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[Executor]:
    """Where models run, for `trusteq.audit`.

    workers: how many processes share the work and the cores; 1 for this process alone. keep: a folder (or an address
    that fsspec knows, e.g. s3://bucket/name) for finished shards of work: the same audit resumes from them, and an
    audit of another candidate reuses the reference's, unless ``resume`` is False. deadline: seconds after which a shard
    counts as stuck, counted from when its model is open; models then run in a separate process. ray: True to share the
    work among ``workers`` Ray actors on this machine, or the address of a cluster; each actor gets ``gpus`` GPUs
    (fractions allowed). Nodes need trusteq and the models at the same paths, and this process a device of the same
    kind. say: called with a line about each unusable file of kept work, and about anything it waits for.
    """
    with ExitStack() as stack:
        runner: Executor = HERE
        if ray or ray == "":
            if deadline is not None:
                raise OptionError("a deadline has no effect on Ray; leave one of the two out")
            runner = stack.enter_context(RayCluster(workers, None if ray is True else ray, gpus, notify=say))
        elif gpus:
            raise OptionError("gpus has an effect only with Ray; add ray")
        elif workers != 1 or deadline is not None:
            runner = stack.enter_context(Processes(workers, deadline))
        yield runner if keep is None else CachingExecutor(ShardFiles(keep, say), runner, resume)
