"""A candidate that learns another model's answers to items, whatever kind they are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trusteq.compress.heal_language import pupil_of_language
from trusteq.compress.language_source import LanguageSource
from trusteq.compress.media_reader import MediaReader
from trusteq.compress.media_source import MediaSource
from trusteq.compress.perturbed import masks, perturbed
from trusteq.errors import OptionError
from trusteq.explain.words import MASK
from trusteq.models.layers import does_not_apply
from trusteq.models.token_rows import joined
from trusteq.models.traits import traits_of
from trusteq.train.lessons import Examples, TokenLessons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.compress.original import Original
    from trusteq.compress.perturbed import Perturbing
    from trusteq.data.items import Items
    from trusteq.models.transformer import TransformerModel
    from trusteq.train.lessons import Lessons, Parts


class Reading(Protocol):
    """Items as a torch module reads them."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """A length of each [items]; those of similar length share a batch."""

    def logits(self, at: NDArray[np.int64]) -> Any:
        """The module's logits for the items ``at``, with gradients [items, labels]."""


class Reader(Protocol):
    """A torch module that is asked about items."""

    @property
    def mask_token(self) -> str | None:
        """The text of its tokenizer's mask token, if it has one."""

    def read(self, parts: Sequence[Items]) -> Reading:
        """The items of all parts, in order."""

    def answers(self, items: Items) -> NDArray[np.float64]:
        """Log-probabilities [items, labels] of the module as it stands."""


class Pupil(Protocol):
    """A candidate that learns to answer like its original."""

    def lessons(self, items: Items, positions: NDArray[np.int64], epoch: int) -> Lessons:
        """Those of an epoch, from the items at these positions."""

    def compared(self, dev: Items) -> tuple[float, float]:
        """The mean KL from the original's answers to the candidate's, and the share of equal answers."""


@dataclass
class OfClasses:
    """A classifier that learns from the probabilities of labels, which are asked for once."""

    reader: Reader
    original: Original
    perturbing: Perturbing | None
    device: Any
    known: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def lessons(self, items: Items, positions: NDArray[np.int64], epoch: int) -> Lessons:
        """Whole items, and items with units left out."""
        soft = self._soft(items)
        if self.perturbing is None:
            return _SoftLessons(self.reader.read([items]), positions, soft, self.device)
        whole, left_out = self.perturbing.split(positions, epoch)
        if not len(left_out):
            return _SoftLessons(self.reader.read([items]), whole, soft, self.device)
        kept = masks(items, left_out, seed=self.perturbing.seed, epoch=epoch)
        ours, theirs = (
            perturbed(items, left_out, kept, self.perturbing.replace, token)
            for token in (self.reader.mask_token, self._mask_token())
        )
        soft = np.concatenate([soft, self.original.answers(theirs)])
        rows = np.concatenate([whole, len(items) + np.arange(len(left_out))])
        return _SoftLessons(self.reader.read([items, ours]), rows, soft, self.device)

    def compared(self, dev: Items) -> tuple[float, float]:
        """On whole items."""
        theirs, ours = self._soft(dev), self.reader.answers(dev)
        divergence = (np.exp(theirs) * (theirs - ours)).sum(axis=1).mean()
        return float(divergence), float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean())

    def _soft(self, items: Items) -> NDArray[np.float64]:
        content = items.content()
        if content not in self.known:
            self.known[content] = self.original.answers(items)
        return self.known[content]

    def _mask_token(self) -> str | None:
        tokens = traits_of(self.original.model).tokens
        return None if tokens is None else tokens.mask_token


@dataclass(frozen=True)
class _SoftLessons:
    """Rows of a reading, and the original's log-probabilities [all of the reading, labels]."""

    reading: Reading
    rows: NDArray[np.int64]
    soft: NDArray[np.float64]
    device: Any

    @property
    def lengths(self) -> NDArray[np.int64]:
        return self.reading.lengths[self.rows]

    def parts(self, at: NDArray[np.int64]) -> Parts:
        return [(at, 1.0)]

    def logits(self, at: NDArray[np.int64]) -> Any:
        return self.reading.logits(self.rows[at])

    def targets(self, at: NDArray[np.int64]) -> tuple[Any, Any]:
        import torch

        return None, torch.from_numpy(self.soft[self.rows[at]]).to(self.device).float()


@dataclass(frozen=True)
class TextReader:
    """A transformers classifier of texts."""

    model: TransformerModel

    @property
    def mask_token(self) -> str | None:
        """That of its tokenizer."""
        return self.model.mask_token

    def read(self, parts: Sequence[Items]) -> TokenLessons:
        """The tokens of all texts."""
        rows = [self.model.encode(list(zip(*items.texts(), strict=True))) for items in parts]
        return TokenLessons(self.model, Examples(joined(rows)))

    def answers(self, items: Items) -> NDArray[np.float64]:
        """Those of the model."""
        return self.model.answer(self.read([items]).examples.rows)


def reader_of(source: Any, net: Any, method: str) -> Reader:
    """What reads items for a module in the place of an opened model's."""
    if isinstance(source, MediaSource):
        return MediaReader(replace(source, model=net))
    if traits_of(source).tokens is None:
        raise does_not_apply(source, method, "it is not a classifier")
    return TextReader(replace(source, model=net))


def pupil_of(source: Any, net: Any, original: Original, perturbing: Perturbing | None, method: str) -> Pupil:
    """A torch module in the place of an opened model's, as a pupil of its original."""
    if isinstance(source, LanguageSource):
        return pupil_of_language(source, net, original, perturbing)
    reader = reader_of(source, net, method)
    if perturbing is not None and perturbing.replace == MASK:
        for name, tokens in ((source.name, reader), (original.model.name, traits_of(original.model).tokens)):
            if tokens is None or tokens.mask_token is None:
                raise OptionError(f"replace mask: model {name} has no mask token; use remove or a text")
    return OfClasses(reader, original, perturbing, next(net.parameters()).device)
