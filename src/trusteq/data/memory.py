"""Memory that reading a file took, which is more than what is kept of it."""

from __future__ import annotations

import pyarrow as pa


def give_back() -> None:
    """What Arrow has freed goes back to the system; where Arrow takes memory from the C library, all that is free.

    It would be kept for more batches, and an audit's peak would be what reading left behind and what computing takes.
    """
    pa.default_memory_pool().release_unused()
