"""Language models that read texts one after the other, because they do not fit in memory together.

A model is in memory only while it reads; another one that is to read is opened when this one is gone. The reference
reads first, and its most probable tokens at every position are stored. Candidates are compared with those.
"""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.base import Finding
from trusteq.models.causal.beside import (
    PROBED,
    Beside,
    chunks_of,
    of_documents,
    one_vocabulary,
    read_alone,
    refuse_other_tokens,
    shared_context,
)
from trusteq.models.causal.reading import Network, read_after, read_twice, states_alone, top_tokens_of
from trusteq.models.causal.stored_tokens import StoredTokens
from trusteq.models.causal.top_tokens import kept
from trusteq.models.opening import AfterOpening, BesideOpening
from trusteq.prompts.documents import documents
from trusteq.tasks.top_tokens import MostProbableTokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.base import Identity, Model
    from trusteq.models.causal.chunks import Chunk
    from trusteq.models.causal.text_model import TextModel
    from trusteq.models.causal.top_tokens import TopTokens
    from trusteq.models.opening import Opening
    from trusteq.models.traits import Traits
    from trusteq.prompts.task_file import TaskFile
    from trusteq.tasks.rows import Rows

_in_memory: weakref.ref[Apart] | None = None


def let_go() -> None:
    """Free the memory of the model that read last, if it is one that reads after others."""
    holder = None if _in_memory is None else _in_memory()
    if holder is not None:
        holder.held = None
    gc.collect()


@dataclass(eq=False)
class Apart:
    """A language model that reads texts, and is in memory only while it does.

    opening: how to open it again. traits, tokenizer, context, found, vocabulary: what is known of it meanwhile.
    top: how many of its tokens are stored if it is the reference; None for as many as a tenth of 2 bytes a token of the
    vocabulary holds. folder: where; None for a temporary one. why: why models read one after the other; empty if that
    was asked for.
    """

    name: str
    identity: Identity
    traits: Traits
    opening: Opening
    task_file: TaskFile
    tokenizer: Any
    context: int | None
    vocabulary: int
    found: tuple[Finding, ...]
    top: int | None
    folder: str | None
    why: str
    labels: tuple[str, ...] = ()
    held: TextModel | None = field(default=None, init=False, repr=False)

    @classmethod
    def of(cls, model: TextModel, *, top: int | None = None, folder: str | None = None, why: str = "") -> Apart:
        """The model, in memory until another one is to read."""
        opening, size, trained = model.traits.opening(), model.traits.size(), model.traits.trained_on()
        assert opening is not None  # noqa: S101 - it came from a file, a folder or a hub
        made = cls(
            name=model.name,
            identity=model.identity,
            traits=replace(
                model.traits,
                opening=lambda: opening,
                size=lambda: size,
                trained_on=lambda: trained,
                lowered=None,
                beside=read_one_after_the_other,
                untimed="it is in memory only while it reads",
            ),
            opening=opening,
            task_file=model.task_file,
            tokenizer=model.tokenizer,
            context=model.context,
            vocabulary=model.vocabulary,
            found=model.findings(),
            top=top,
            folder=folder,
            why=why,
        )
        made._hold(model)
        return made

    @property
    def model(self) -> Any:
        """The network; opened if it is not in memory."""
        if self.held is None:
            let_go()
            opened: Any = self.opening.open()
            self._hold(opened)
        assert self.held is not None  # noqa: S101 - it was just opened
        return self.held.model

    def documents(self, items: Items) -> list[str]:
        """The text of each item, as the task file has it."""
        return documents(self.task_file, items)

    def predict(self, items: Items) -> Rows:
        """The rows of each text's tokens, without a reference."""
        return read_alone(self, items)

    def findings(self) -> tuple[Finding, ...]:
        """What was noticed when it was opened."""
        return self.found

    def _hold(self, model: TextModel) -> None:
        global _in_memory
        self.held, _in_memory = model, weakref.ref(self)


def read_one_after_the_other(models: Sequence[Model]) -> list[Model]:
    """The models as they read texts after the first, the reference, whose most probable tokens are stored.

    All read chunks of the same length, that of the smallest context. If one of them has another vocabulary, all read
    whole documents instead, since only these can be compared.
    """
    apart = []
    for model in models:
        if not isinstance(model, Apart):
            raise ModelError(
                f"model {model.name}: {models[0].name} stores its most probable tokens for models that read after it, "
                "which this one does not; open both with top_tokens"
            )
        apart.append(model)
    reference, context = apart[0], shared_context(apart)
    if not one_vocabulary(apart):
        return [Beside(one, None, context) for one in apart]
    k = min(reference.top or kept(reference.vocabulary), reference.vocabulary)
    stored = StoredTokens(reference.folder, content=reference.opening.content(), vocabulary=reference.vocabulary, k=k)
    return [After(one, reference.opening, stored, context) for one in apart]


@dataclass(eq=False)
class After:
    """A language model that reads texts after a reference, which may be the model itself.

    It says of each next token what `tasks.top_tokens` asks. reference: how to open that. stored: its most probable
    tokens. context: the longest chunk, in tokens.
    """

    own: Apart
    reference: Opening
    stored: StoredTokens
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
            task=MostProbableTokens.name,
            beside=None,
            probed=PROBED,
            opening=lambda: AfterOpening.after(
                BesideOpening.of(self._opening, self.reference, context=self.context),
                k=self.stored.k,
                folder=str(self.stored.folder),
            ),
        )

    @property
    def is_reference(self) -> bool:
        """Whether it is the reference itself."""
        return self._opening == self.reference

    @property
    def _opening(self) -> Opening:
        return replace(self.own.opening, name=self.name)

    def findings(self) -> tuple[Finding, ...]:
        """The language model's, and of the reference how it is compared with others."""
        found = self.own.findings()
        if not self.is_reference:
            return found
        why = f"{self.own.why}, so " if self.own.why else ""
        size, vocabulary = self.stored.record.itemsize, self.own.vocabulary
        message = (
            f"{why}models read one after the other: only its {self.stored.k:,} most probable tokens of {vocabulary:,} "
            f"are kept at each position ({size:,} bytes instead of {2 * vocabulary:,}), and all others count as one"
        )
        return (*found, Finding(self.name, "stored tokens", message, float(self.stored.k)))

    def predict(self, items: Items) -> Rows:
        """The rows of the tokens that are predicted of each document."""
        texts, cut = self.own.documents(items), chunks_of(self.own, items, self.context)
        if self.is_reference:
            return of_documents(cut, self._read_first(texts, cut), len(items))
        self._store_missing(texts, cut, items)
        budget = self.reference.options["budget"]
        rows = read_after(Network(self.own.model), cut, partial(self._stored, texts), budget=budget)
        return of_documents(cut, rows, len(items))

    def _read_first(self, texts: Sequence[str], cut: Sequence[Chunk]) -> list[NDArray[np.float64]]:
        network = Network(self.own.model)

        def store(chunk: Chunk, hidden: Any) -> None:
            found = partial(top_tokens_of, network, hidden, self.stored.k)
            self.stored.write(texts[chunk.document], chunk, found)

        return read_twice(network, cut, budget=self.own.traits.budget, alone=store)

    def _store_missing(self, texts: Sequence[str], cut: Sequence[Chunk], items: Items) -> None:
        """Let the reference read documents whose tokens are not stored, e.g. because its answers were taken up."""
        missing = sorted({chunk.document for chunk in cut if self.stored.read(texts[chunk.document], chunk) is None})
        if not missing:
            return
        let_go()
        reference: Any = self.reference.open()
        of_reference = chunks_of(reference, items.take(missing), self.context)
        expected = [replace(chunk, document=missing[chunk.document]) for chunk in of_reference]
        own = [chunk for chunk in cut if chunk.document in missing]
        refuse_other_tokens(own, expected, items, model=self.name, reference=reference.name)
        network = Network(reference.model)
        for chunk in expected:
            found = partial(top_tokens_of, network, states_alone(network, chunk), self.stored.k)
            self.stored.write(texts[chunk.document], chunk, found)

    def _stored(self, texts: Sequence[str], chunk: Chunk) -> TopTokens:
        top = self.stored.read(texts[chunk.document], chunk)
        if top is None:
            raise ModelError(f"model {self.name}: what was stored of {self.reference.name} is gone; run it again")
        return top


def opened_after(opening: AfterOpening) -> After:
    """The model, opened again; what is stored where it was opened first is used if it is here."""
    let_go()
    own: Any = opening.own.open()
    reference, apart = opening.reference, Apart.of(own)
    assert reference is not None  # noqa: S101 - it reads after one
    folder = opening.folder if Path(opening.folder).is_dir() else None
    stored = StoredTokens(folder, content=reference.content(), vocabulary=apart.vocabulary, k=opening.k)
    return After(apart, reference, stored, opening.context)
