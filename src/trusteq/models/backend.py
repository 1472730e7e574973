"""A way to run a model: how it is recognised and opened, and its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trusteq.models.base import Model
    from trusteq.models.options import Option


def _never(spec: str, path: Path) -> bool:
    """False."""
    return False


def _nothing(architecture: str | None) -> None:
    """Import nothing before a model is opened."""


@dataclass(frozen=True)
class Backend:
    """One way to run a model.

    kind: its name in identities. words: its name in messages. recognises: whether the string that a user gave, which is
    also passed as a path, is one of its models. options: of a model; ``open`` takes each as a keyword.
    reads_texts: whether all of its models read texts, so that the texts' columns must be named.
    reads_tables: whether the model here reads the rows of a table, of which all columns are meant if none are named.
    prepare: imports whatever opening a model of this architecture would import, so that this memory is not attributed
    to the model.
    """

    kind: str
    words: str
    recognises: Callable[[str, Path], bool]
    open: Callable[..., Model]
    options: tuple[Option, ...]
    reads_texts: bool = False
    reads_tables: Callable[[str, Path], bool] = _never
    prepare: Callable[[str | None], None] = _nothing
