"""Shards of work that go wrong on purpose; worker processes import this file."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trusteq import LabelError
from trusteq.work.shard import Answered


@dataclass(frozen=True)
class Slow:
    """How to open a model that takes its time to open."""

    seconds: float
    labels = ("a", "b")

    def open(self):
        time.sleep(self.seconds)
        return self


class Threads:
    """A shard that answers with how many threads a library would take, were it imported now."""

    items = size = 1

    def run(self, model, advance):
        return Answered(np.array([[float(os.environ["OMP_NUM_THREADS"])]]))


@dataclass(frozen=True)
class Told:
    """A shard that answers with its number, and does something before."""

    number: int
    folder: str
    does: str = "answers"

    items = 1
    size = 1

    def content(self):
        return f"{self.number} {self.does}"

    def run(self, model, advance):
        with (Path(self.folder) / f"asked-{self.number}").open("a") as stream:
            stream.write(f"{os.getpid()}\n")
        times = len((Path(self.folder) / f"asked-{self.number}").read_text("utf-8").splitlines())
        if self.does == "dies" or (self.does == "dies once" and times == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.does == "hangs" or (self.does == "hangs once" and times == 1):
            time.sleep(60)
        if self.does == "refuses":
            raise LabelError("these labels do not fit")
        if self.does == "fails":
            raise ZeroDivisionError("nothing to share")
        if self.does == "wants too much memory":
            np.ones(2**50)
        advance(1)
        return Answered(np.array([[float(self.number), 0.5, len(model.labels)]]))
