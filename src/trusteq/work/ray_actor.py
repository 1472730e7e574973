"""A Ray actor that answers shards, on whichever node Ray starts it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from trusteq import __version__
from trusteq.work.freed_memory import keep_freed_memory
from trusteq.work.worker import ANSWER, Answerer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.models.opening import Opening
    from trusteq.work.shard import Shard


class Actor(Answerer):
    """An `Answerer` whose errors name the node. environment: set before any library is imported."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__()
        os.environ.update(environment)
        keep_freed_memory()

    def place(self) -> tuple[str, str]:
        """The node's name and its version of trusteq."""
        return socket.gethostname(), __version__

    def answer_on_node(self, opening: Opening, shard: Shard) -> tuple[str, Any]:
        """The same as `answer`, with the node named in an error."""
        kind, content = self.answer(opening, shard)
        return kind, content if kind == ANSWER else f"{content} (on the node {socket.gethostname()})"
