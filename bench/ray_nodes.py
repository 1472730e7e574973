"""A Ray cluster of several nodes on this machine: nodes are added and killed, the head is lost and comes back.

It lives in a process of its own, for Ray ends processes whose head is lost. The head has no cores for actors.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class RayNodes:
    """The cluster; use it as a context. environment: of all its processes."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._files = TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "RAY_USAGE_STATS_ENABLED": "0",
                "RAY_TMPDIR": self._files.name,
                **(environment or {}),
            },
            process_group=0,
        )
        self.address = self._heard()

    def __enter__(self) -> RayNodes:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._files.cleanup()

    def add(self, cores: int = 1) -> str:
        """A node more; what is heard is its name."""
        return self._told(f"add {cores}")

    def kill(self, node: str) -> None:
        """End all its processes at once."""
        self._told(f"kill {node}")

    def kill_head(self) -> None:
        """End the head's processes at once; all that it knew is lost."""
        self._told("kill_head")

    def start_head(self) -> None:
        """A new head at the same address, which knows nothing of the nodes."""
        self._told("start_head")

    def _told(self, words: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        return self._heard()

    def _heard(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process of the cluster has ended")
        return line.strip()


def main() -> None:
    from ray.cluster_utils import Cluster

    def head() -> Any:
        settings = {"num_cpus": 0, "gcs_server_port": int(sys.argv[1]), "include_dashboard": False}
        return Cluster(initialize_head=True, head_node_args=settings)

    cluster, nodes = head(), dict[str, Any]()
    print(cluster.address, flush=True)
    for line in sys.stdin:
        match line.split():
            case ["add", cores]:
                name = str(len(nodes))
                nodes[name] = cluster.add_node(num_cpus=int(cores))
                print(name, flush=True)
                continue
            case ["kill", name]:
                cluster.remove_node(nodes[name], allow_graceful=False)
            case ["kill_head"]:
                cluster.remove_node(cluster.head_node, allow_graceful=False)
            case ["start_head"]:
                old, cluster = cluster, head()
                cluster.worker_nodes |= old.worker_nodes
        print("done", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
