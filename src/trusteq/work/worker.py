"""A process that answers pieces: ``python -m trusteq.work.worker FD``, started by `processes`."""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

from trusteq.errors import TrusteqError
from trusteq.models.chatter import one_line


def main() -> None:
    """Answer what comes over the wire until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who started it decides when it ends
    os.environ["HF_HUB_OFFLINE"] = "1"
    wire: Connection[Any, Any] = Connection(int(sys.argv[1]))
    opened, model = None, None
    while True:
        try:
            opening, piece = wire.recv()
        except EOFError:
            return
        try:
            if opening != opened:
                opened = model = None  # not two at a time
                opened, model = opening, opening.open()
            said = ("answer", piece.run(model, _silent))
        except TrusteqError as error:
            said = (type(error).__name__, str(error))
        except Exception as error:
            said = ("", f"failed while answering: {one_line(error)}")
        try:
            wire.send(said)
        except OSError:  # nobody listens any more
            return


def _silent(_: int) -> None:
    pass


if __name__ == "__main__":
    main()
