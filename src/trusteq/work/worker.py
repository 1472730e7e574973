"""A process that answers shards: ``python -m trusteq.work.worker FD``, started by `processes`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from trusteq import errors
from trusteq.errors import MissingExtraError, ModelError, TrusteqError
from trusteq.models.library_output import one_line
from trusteq.work.freed_memory import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.models.base import Model
    from trusteq.models.opening import Opening
    from trusteq.work.shard import Answered, Shard


ANSWER = "answer"
"""First part of an `Answerer`'s message that holds an answer; otherwise it is the name of an error."""
OPENED = "open"
"""What a worker sends before each shard, once its model is open: from then on the model takes the time."""


class Answerer:
    """Opens a model once and answers shard after shard with it; holds one model at a time."""

    def __init__(self) -> None:
        self._opening: Opening | None = None
        self._model: Model | None = None

    def answer(self, opening: Opening, shard: Shard, opened: Callable[[], None] = lambda: None) -> tuple[str, Any]:
        """("answer", the answer), or the name of an error and its message; `unwrap` below reads them.

        ``opened`` is called when the model is open, before it runs.
        """
        try:
            if self._model is None or opening != self._opening:
                self._opening = self._model = None  # never two in memory
                self._opening, self._model = opening, opening.open()
            opened()
            return ANSWER, shard.run(self._model, lambda _: None)
        except TrusteqError as error:
            return type(error).__name__, error.as_written
        except Exception as error:
            return "", f"failed while answering: {one_line(error)}"


def unwrap(message: tuple[str, Any], name: str) -> Answered:
    """The answer in an `Answerer`'s message about the model of this name; an error in it is raised."""
    kind, content = message
    if kind == ANSWER:
        answer: Answered = content
        return answer
    error = getattr(errors, kind, None)
    if isinstance(error, type) and issubclass(error, TrusteqError) and error is not MissingExtraError:
        raise error(content)
    raise ModelError(f"model {name}: {content}")


def main() -> None:
    """Answer the shards that arrive over the pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process decides when this one ends
    os.environ["HF_HUB_OFFLINE"] = "1"
    keep_freed_memory()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    wire: Connection[Any, Any] = Connection(int(sys.argv[1]))
    answerer = Answerer()
    while True:
        try:
            opening, shard = wire.recv()
        except EOFError:
            return
        message = answerer.answer(opening, shard, lambda: wire.send((OPENED, None)))
        try:
            wire.send(message)
        except OSError:  # the other end is closed
            return


def _end_with(parent: int) -> None:
    """End this process, busy or not, when its parent process has ended."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main()
