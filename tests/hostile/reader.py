"""What reads files of one kind, and what comes of it when one of them is spoilt."""

from __future__ import annotations

import resource
import signal
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hostile.spoil import spoilt

from trusteq import TrusteqError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

LONGEST = 600
"""Characters that the one line of an error must stay below."""

MOST_KIB = 2**20
"""KiB by which one input may raise the peak of the process's memory."""


@dataclass(frozen=True)
class Reader:
    """Files in a folder, of which one at a time is spoilt, and what reads them given that one's name.

    seconds: how long one input may take.
    """

    folder: Path
    seeds: dict[str, bytes]
    read: Callable[[str], object]
    seconds: float = 5
    others: dict[str, list[bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, read: Callable[[str], object], *names: str, seconds: float = 5) -> Reader:
        """The reader of these files, which are in the folder and valid."""
        seeds = {name: (folder / name).read_bytes() for name in names}
        kin = {
            n: [c for other, c in seeds.items() if other != n and Path(other).suffix == Path(n).suffix] for n in names
        }
        return cls(folder, seeds, read, seconds, kin)

    def spoilt(self, rng: Random) -> tuple[str, bytes]:
        """The name of one of its files and what it might hold."""
        name = rng.choice(list(self.seeds))
        return name, spoilt(rng, name, self.seeds[name], self.others[name])

    def outcome(self, name: str, content: bytes) -> str:
        """What comes of the file with this content: "read", "refused", or what should never come."""
        (self.folder / name).write_bytes(content)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        try:
            with within(self.seconds), warnings.catch_warnings():
                warnings.simplefilter("error")
                self.read(name)
            ended = "read"
        except TrusteqError as error:
            line = str(error)
            ended = "refused"
            if "\n" in line or "\r" in line or len(line) >= LONGEST:
                ended = f"a message of {len(line)} characters and {len(line.splitlines())} lines: {line[:200]!r}"
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            at = error.__traceback__
            place = ""
            while at is not None:
                if "trusteq" in at.tb_frame.f_code.co_filename:
                    place = f"{Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}"
                at = at.tb_next
            ended = f"{type(error).__name__} at {place}: {str(error)[:200]!r}"
        finally:
            (self.folder / name).write_bytes(self.seeds[name])
        took = time.perf_counter() - began
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
        if ended in {"read", "refused"} and took > self.seconds:
            return f"{took:.0f} seconds"
        return f"{more // 1024} MiB more" if more > MOST_KIB else ended


class Hung(BaseException):
    """An input took too long; nothing that reads files catches it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """An error where the block takes longer."""

    def stop(*_: object) -> None:
        raise Hung(f"more than {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
