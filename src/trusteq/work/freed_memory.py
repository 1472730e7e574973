"""Memory that was freed is kept for what comes next, where the C library is glibc.

A network frees and asks for megabytes again at every layer. By default glibc hands them back each time, and the kernel
fills new pages with zeros: of the time of training a fifth, of answering in batches of 8,192 tokens a seventh, in the
usual ones hardly any, on the machine of docs/performance.md. To the bit the results are the same.
"""

from __future__ import annotations

import ctypes
import os
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Names of glibc's settings, as <malloc.h> numbers them."""
KEPT = 1 << 30
"""Bytes; what is larger is handed back."""


def keep_freed_memory() -> None:
    """For this whole process, so for its owner to decide: the command line and its workers do, the library does not."""
    if platform.libc_ver()[0] == "glibc":
        # Arrow too, before it is imported: what it frees is then there for everything else.
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        set_option = ctypes.CDLL(None).mallopt
        set_option(TRIM_THRESHOLD, KEPT)
        set_option(MMAP_THRESHOLD, KEPT)
