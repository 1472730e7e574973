"""Which files below a folder are opened meanwhile, by Python or by any library in any language (Linux only)."""

import ctypes
import os
import struct
import sys
from contextlib import contextmanager
from pathlib import Path

IN_OPEN, IN_ISDIR, IN_NONBLOCK = 0x20, 0x40000000, 0x800
_elsewhere: list[Path] = []
_watching = False


def _hook(event, values):
    if _watching and event == "open" and isinstance(values[0], str | bytes | os.PathLike):
        _elsewhere.append(Path(os.fsdecode(values[0])))


@contextmanager
def opened_below(folder: Path):
    """A set that holds, afterwards, the files below a folder that were opened, wherever a link led from."""
    global _watching
    libc = ctypes.CDLL(None, use_errno=True)
    wire = libc.inotify_init1(IN_NONBLOCK)
    assert wire >= 0, "this system cannot watch files"
    folder = folder.resolve()
    watched = {
        libc.inotify_add_watch(wire, os.fsencode(path), IN_OPEN): path
        for path in (folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink()))
    }
    if _hook not in _installed:
        sys.addaudithook(_hook)
        _installed.append(_hook)
    found: set[Path] = set()
    _elsewhere.clear()
    _watching = True
    try:
        yield found
    finally:
        _watching = False
        try:
            events = os.read(wire, 2**22)
        except BlockingIOError:
            events = b""
        os.close(wire)
        while events:
            watch, mask, _, length = struct.unpack_from("iIII", events)
            name = os.fsdecode(events[16 : 16 + length].rstrip(b"\0"))
            events = events[16 + length :]
            if name and not mask & IN_ISDIR:
                found.add(watched[watch] / name)
        found |= {path.resolve() for path in _elsewhere if path.resolve().is_relative_to(folder) and path.is_file()}


_installed: list[object] = []
