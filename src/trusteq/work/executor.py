"""Where an audit's models are asked, and what is kept of that, by what a user says."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from trusteq.errors import OptionError
from trusteq.work.processes import Processes
from trusteq.work.ray_cluster import RayCluster
from trusteq.work.shard import HERE
from trusteq.work.shard_files import Kept, ShardFiles

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
    """Where models are asked, for `trusteq.audit`.

    workers: how many processes share the work and the cores; 1 for this one alone. keep: a folder (or an address that
    fsspec knows, such as s3://bucket/name) for finished shards of work: the same audit goes on from them, another
    candidate's takes up the reference's, unless ``resume`` is False. deadline: seconds after which a shard counts as
    stuck, from when its model is open; it is then asked in a process of its own. ray: True to share the work among
    ``workers`` actors of Ray on this machine, or the address of a cluster, each with so many ``gpus`` (parts of one
    included); nodes need trusteq and the models at the same paths, and this process a device of the same kind. ``say``
    is told of kept files that are no good, and of what is waited for.
    """
    with ExitStack() as stack:
        made: Executor = HERE
        if ray or ray == "":
            if deadline is not None:
                raise OptionError("a deadline has no effect on Ray; leave one of the two out")
            made = stack.enter_context(RayCluster(workers, None if ray is True else ray, gpus, say=say))
        elif gpus:
            raise OptionError("gpus are shared out by Ray alone; add ray")
        elif workers != 1 or deadline is not None:
            made = stack.enter_context(Processes(workers, deadline))
        yield made if keep is None else Kept(ShardFiles(keep, say), made, resume)
