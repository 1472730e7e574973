"""Language models that read texts beside a reference, so that the probabilities of every next token can be compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from trusteq.errors import ModelError
from trusteq.models.base import Finding
from trusteq.models.causal.chunks import CONTEXT, chunks
from trusteq.models.causal.reading import Network, read, read_twice
from trusteq.models.opening import BesideOpening
from trusteq.models.probe import sample_by_length
from trusteq.tasks.documents import DOCUMENT_COLUMNS, Documents
from trusteq.tasks.rows import Rows
from trusteq.tasks.tokens import TOKEN_COLUMNS, Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.base import Identity, Model
    from trusteq.models.causal.chunks import Chunk
    from trusteq.models.opening import Opening
    from trusteq.models.traits import Traits

SIXTEEN_BITS, NOISE = "bfloat16", 128
"""The precision that shows how much storing a model in 16 bits changes, and how many tokens of a text are read in it:
few, for many processors have no arithmetic for it."""

PROBED = 4
"""Documents that a model is probed with. The noise floor shows on every document what a batch changes."""


@runtime_checkable
class Reader(Protocol):
    """A loaded language model that reads texts."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    @property
    def identity(self) -> Identity:
        """What it is."""

    @property
    def traits(self) -> Traits:
        """What it supports."""

    @property
    def model(self) -> Any:
        """The network."""

    @property
    def tokenizer(self) -> Any:
        """What cuts texts into tokens."""

    @property
    def context(self) -> int | None:
        """The most tokens that it can read; None if it has no limit."""

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows, which can be more than its tokenizer has."""

    def documents(self, items: Items) -> list[str]:
        """The text of each item."""

    def findings(self) -> tuple[Finding, ...]:
        """What it noticed."""


def read_beside(models: Sequence[Model]) -> list[Model]:
    """The models as they read texts beside the first, the reference, which also reads beside itself.

    All read chunks of the same length, that of the smallest context. If one of them has another vocabulary, all read
    whole documents instead, since only these can be compared.
    """
    for model in models:
        if not isinstance(model, Reader):
            raise ModelError(
                f"model {model.name} cannot read texts beside {models[0].name}: it holds no weights; compare two files "
                "of token probabilities, or two models that run"
            )
    readers: list[Any] = list(models)
    shared = one_vocabulary(readers)
    context = shared_context(readers)
    return [Beside(reader, readers[0] if shared else None, context) for reader in readers]


def one_vocabulary(readers: Sequence[Any]) -> bool:
    """Whether all of these readers know the same tokens, and give probabilities to as many."""
    first = readers[0]
    tokens = first.tokenizer.get_vocab()
    return all(one.vocabulary == first.vocabulary and one.tokenizer.get_vocab() == tokens for one in readers)


def shared_context(readers: Sequence[Any]) -> int:
    """The longest chunk, in tokens, that all of these readers can read."""
    contexts: list[int] = [reader.context for reader in readers if reader.context]
    return min([CONTEXT, *contexts])


def read_alone(reader: Reader, items: Items) -> Rows:
    """What a language model says of each next token without a reference: none differs from it."""
    cut, network = chunks_of(reader, items, shared_context([reader])), Network(reader.model)
    return of_documents(cut, read(network, network, cut, budget=reader.traits.budget), len(items))


@dataclass(eq=False)
class Beside:
    """A language model that reads texts, and says of each next token what `tasks.tokens` asks about a reference.

    reference: the reference that it reads beside, which may be the model itself. None if they share no vocabulary: then
    it says how probable whole documents are (`tasks.documents`). context: the longest chunk, in tokens.
    """

    own: Reader
    reference: Reader | None
    context: int
    labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The language model's."""
        return self.own.name

    @property
    def identity(self) -> Identity:
        """The language model's."""
        return self.own.identity

    @property
    def traits(self) -> Traits:
        """Those of the language model, which is asked here about complete documents only."""
        return replace(
            self.own.traits,
            task=Documents.name if self.reference is None else Tokens.name,
            changeable=False,
            tokens=None,
            lowered=None,
            beside=None,
            probed=PROBED,
            noise=self._noise if self.reference is self.own else None,
            opening=self._opening,
        )

    def findings(self) -> tuple[Finding, ...]:
        """The language model's."""
        return self.own.findings()

    def predict(self, items: Items) -> Rows:
        """The rows of the tokens that are predicted of each document; or of each document, their sums."""
        cut, network = chunks_of(self.own, items, self.context), Network(self.own.model)
        if self.reference is None:
            return _summed(cut, read(network, network, cut, budget=self._budget), len(items))
        if self.reference is self.own:
            return of_documents(cut, read_twice(network, cut, budget=self._budget), len(items))
        expected = chunks_of(self.reference, items, self.context)
        refuse_other_tokens(cut, expected, items, model=self.name, reference=self.reference.name)
        beside = read(Network(self.reference.model), network, cut, budget=self._budget)
        return of_documents(cut, beside, len(items))

    @property
    def _budget(self) -> int:
        """Of the reference, so that its batches are the same beside every model."""
        return (self.reference or self.own).traits.budget

    def _noise(self, items: Items) -> tuple[Finding, ...]:
        """How far it differs from itself in 16 bits, on some tokens of a few documents; nothing if it runs in them."""
        lower = self.own.traits.lowered
        lowered: Any = self.own if lower is None else lower(SIXTEEN_BITS)
        if lowered is self.own:
            return ()
        cut = chunks_of(self.own, items.take(sample_by_length(items, PROBED)), self.context)
        few = [replace(chunk, ids=chunk.ids[: NOISE + 1], length=chunk.length[:NOISE]) for chunk in cut[:PROBED]]
        parts = read(Network(self.own.model), Network(lowered.model), few, budget=self._budget)
        if not parts:
            return ()
        rows = np.concatenate(parts)
        kl = float(rows[:, TOKEN_COLUMNS.index("kl_from_reference")].mean())
        message = (
            f"in {SIXTEEN_BITS} it differs from itself by a mean token KL of {kl:.2g} ({len(rows):,} tokens of "
            f"{len(few)} texts): what storing it in 16 bits would change"
        )
        return (Finding(self.name, "noise in 16 bits", message, kl),)

    def _opening(self) -> Opening | None:
        own, reference = self.own.traits.opening(), None
        if self.reference is not None:
            reference = self.reference.traits.opening()
        if own is None or (reference is None) != (self.reference is None):
            return None
        return BesideOpening.of(own, reference, context=self.context)


def chunks_of(reader: Reader, items: Items, context: int) -> list[Chunk]:
    """The documents as the reader's tokenizer cuts them, in chunks of this length; an error at an unknown token."""
    cut = chunks(reader.documents(items), reader.tokenizer, context, name=reader.name)
    for chunk in cut:
        if (largest := int(chunk.ids.max())) >= reader.vocabulary:
            raise ModelError(
                f"model {reader.name}: item {items.ids[chunk.document]!r}: its tokenizer gives token {largest} "
                f"({reader.tokenizer.convert_ids_to_tokens(largest)!r}), but the model knows only "
                f"{reader.vocabulary:,}, from 0 on; use the tokenizer that belongs to it"
            )
    return cut


def refuse_other_tokens(
    cut: Sequence[Chunk], expected: Sequence[Chunk], items: Items, *, model: str, reference: str
) -> None:
    """Stop if a reference reads other tokens, those ``expected``, of the same vocabulary."""
    for chunk, of_reference in zip(cut, expected, strict=False):
        if chunk.document != of_reference.document or not np.array_equal(chunk.ids, of_reference.ids):
            raise ModelError(
                f"model {model}: item {items.ids[of_reference.document]!r}: it reads other tokens than "
                f"{reference}, although both have the same vocabulary; use one tokenizer for both models"
            )


def of_documents(cut: Sequence[Chunk], rows: Sequence[NDArray[np.float64]], documents: int) -> Rows:
    """The rows of all documents, from those of each chunk."""
    counts = np.zeros(documents, dtype=np.int64)
    for chunk in cut:
        counts[chunk.document] += len(chunk.length)
    return Rows(np.concatenate([np.empty((0, len(TOKEN_COLUMNS))), *rows]), counts)


def _summed(cut: Sequence[Chunk], rows: Sequence[NDArray[np.float64]], documents: int) -> Rows:
    sums = np.zeros((documents, len(DOCUMENT_COLUMNS)))
    at = [TOKEN_COLUMNS.index(name) for name in DOCUMENT_COLUMNS]
    for chunk, of_chunk in zip(cut, rows, strict=True):
        sums[chunk.document] += of_chunk[:, at].sum(axis=0)
    return Rows(sums)
