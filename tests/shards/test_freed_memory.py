"""Freed memory is kept: a process that frees and asks again, and the pages that the kernel gave it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

AGAIN = """
import resource
import numpy as np

def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def layers():
    kept = [np.ones(n * 100_000) for n in (8, 12, 16)]  # 6 to 13 MB each
    del kept

layers()
before = pages()
for _ in range(50):
    layers()
print(pages() - before)
"""
KEPT = "from trusteq.work.freed_memory import keep_freed_memory\nkeep_freed_memory()\n"


def pages(program: str) -> int:
    """How many pages the loop of the program was given."""
    return int(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")
def test_pages_are_asked_for_once() -> None:
    """Without it they are asked for again and again, or there would be nothing to mend."""
    assert pages(KEPT + AGAIN) < 1000
    assert pages(AGAIN) > 20_000


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no such settings."""
    from trusteq.work import freed_memory

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda _: pytest.fail("was asked"))
    freed_memory.keep_freed_memory()
