"""Linear algebra on one thread, as long as numbers are computed.

BLAS cuts long products into one part a thread, so the last bits of a sum would depend on the machine's cores. Its
threads also wait for each other by spinning: products as small as these take twice the processor time on two threads,
several times on a busy machine, and are done no sooner.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def one_thread() -> Iterator[None]:
    """Within, BLAS uses one thread; afterwards as many as before. It holds for the whole process, other threads too."""
    with threadpool_limits(1, user_api="blas"):
        yield
