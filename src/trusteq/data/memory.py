"""Memory that reading a file took and that is no longer needed."""

from __future__ import annotations

import pyarrow as pa


def release_memory() -> None:
    """Return memory that Arrow has freed to the system (all free memory, if Arrow uses the C library's allocator).

    Otherwise Arrow keeps it for further batches, and it would add to an audit's peak memory during computation.
    """
    pa.default_memory_pool().release_unused()
