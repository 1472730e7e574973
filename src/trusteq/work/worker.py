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
"""What an `Asker` says of an answer, where it would otherwise say the name of an error."""
OPENED = "open"
"""What a worker says before each shard, once its model is open: from then on it is the model that takes time."""


class Asker:
    """Opens a model once and asks it shard after shard; one model at a time."""

    def __init__(self) -> None:
        self._opening: Opening | None = None
        self._model: Model | None = None

    def answer(self, opening: Opening, shard: Shard, opened: Callable[[], None] = lambda: None) -> tuple[str, Any]:
        """("answer", what was answered), or the name of the error and its line, as `result` below reads them.

        ``opened`` is called when the model is open, before it is asked.
        """
        try:
            if self._model is None or opening != self._opening:
                self._opening = self._model = None  # not two at a time
                self._opening, self._model = opening, opening.open()
            opened()
            return ANSWER, shard.run(self._model, lambda _: None)
        except TrusteqError as error:
            return type(error).__name__, str(error)
        except Exception as error:
            return "", f"failed while answering: {one_line(error)}"


def result(said: tuple[str, Any], name: str) -> Answered:
    """The answer that an `Asker` gave about the model of this name, or its error raised here."""
    kind, content = said
    if kind == ANSWER:
        answer: Answered = content
        return answer
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, TrusteqError) and found is not MissingExtraError:
        raise found(content)
    raise ModelError(f"model {name}: {content}")


def main() -> None:
    """Answer what comes over the wire until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who started it decides when it ends
    os.environ["HF_HUB_OFFLINE"] = "1"
    keep_freed_memory()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    wire: Connection[Any, Any] = Connection(int(sys.argv[1]))
    asker = Asker()
    while True:
        try:
            opening, shard = wire.recv()
        except EOFError:
            return
        said = asker.answer(opening, shard, lambda: wire.send((OPENED, None)))
        try:
            wire.send(said)
        except OSError:  # nobody listens any more
            return


def _end_with(parent: int) -> None:
    """End this process, whatever it is at, when the one who started it is no more."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main()
