"""Linear algebra on one thread while estimates are computed.

BLAS splits long products into one part a thread, so the last bits of a sum would depend on the machine's cores. Its
threads also busy-wait for each other: products as small as these take twice the processor time on two threads, and
several times as much on a busy machine, without finishing sooner.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the context, BLAS uses one thread, in the whole process; afterwards as many as before."""
    import scipy.linalg  # noqa: F401 - limits do not apply to libraries that are loaded later

    with threadpool_limits(1, user_api="blas"):
        yield
