"""A way to run a model: how it is recognised and opened, and what a user may say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trusteq.models.base import Model
    from trusteq.models.options import Option


def _nothing(architecture: str | None) -> None:
    """Nothing is imported before a model is opened."""


@dataclass(frozen=True)
class Backend:
    """One way to run a model.

    kind: how identities name it. words: how messages do. recognises: whether what a user wrote, and the path that it
    may be, are one of its models. options: what a user may say about a model; ``open`` takes each as a keyword.
    reads_texts: whether every one of its models reads texts, so that their columns must be named.
    prepare: imports everything that opening a model of this architecture would, so that its memory is not the model's.
    """

    kind: str
    words: str
    recognises: Callable[[str, Path], bool]
    open: Callable[..., Model]
    options: tuple[Option, ...]
    reads_texts: bool = False
    prepare: Callable[[str | None], None] = _nothing
