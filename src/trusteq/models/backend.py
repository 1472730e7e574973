"""A way to run a model: how it is recognised and opened, and what a user may say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trusteq.models.base import Model


def _nothing(architecture: str | None) -> None:
    """Nothing is imported before a model is opened."""


@dataclass(frozen=True)
class Backend:
    """One way to run a model.

    kind: how identities name it. words: how messages do. recognises: whether what a user wrote, and the path that it
    may be, are one of its models. options: the fields of `ModelOptions` that ``open`` takes.
    prepare: imports everything that opening a model of this architecture would, so that its memory is not the model's.
    """

    kind: str
    words: str
    recognises: Callable[[str, Path], bool]
    open: Callable[..., Model]
    options: tuple[str, ...]
    prepare: Callable[[str | None], None] = _nothing
