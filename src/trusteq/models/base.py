"""The interface of a model, as the audit needs it."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - read where a record is
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from trusteq.stats.number import Number  # noqa: TC001

if TYPE_CHECKING:
    from trusteq.data.items import Items


@dataclass(frozen=True)
class Identity:
    """What a model is: how it runs, and the hash of everything that decides its answers.

    ``content`` is the SHA-256 of weights, configuration and tokenizer (or of the predictions file); None for a Python
    object, whose content cannot be hashed. ``details`` is JSON-ready: versions, precision, files.
    """

    kind: str
    location: str
    content: str | None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """Something that the model's owner will want to know.

    ``message`` does not name the model, since ``model`` does; ``value`` is the number behind the message.
    """

    model: str
    kind: str
    message: str
    value: Number


@runtime_checkable
class Model(Protocol):
    """Anything that answers items: with probabilities over named labels, or in the form of the task that it states.

    It may state what it supports as ``traits`` (`models.traits`). Without these it is treated as a function that reads
    texts, or with ``reads_text = False`` is asked only about the items themselves.
    """

    @property
    def name(self) -> str:
        """Its name in messages and tables."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names, in the order of the answer's columns; () if items share no labels."""

    @property
    def identity(self) -> Identity:
        """What it is, for the manifest and for the refusal to compare a model with itself."""

    def predict(self, items: Items) -> Any:
        """Probabilities [items, labels], in the order of the items; or the answers that its task requires."""

    def findings(self) -> tuple[Finding, ...]:
        """What it noticed while loading and answering (truncated texts, precision, ...)."""


@runtime_checkable
class LowerableModel(Model, Protocol):
    """A model that can also run in a lower precision."""

    def lowered(self, precision: str) -> Model:
        """The same model in "bfloat16" or "float16"; itself if its precision cannot be lowered."""
