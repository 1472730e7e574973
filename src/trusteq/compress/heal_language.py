"""A language model that learns another's distributions of the next token, at every token of the texts.

The original answers anew at each step, because its answers to all texts are too many numbers to keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import DataError, OptionError
from trusteq.models.causal.products import fast_products
from trusteq.models.library_output import offline, quiet_transformers
from trusteq.models.token_rows import token_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.compress.language_source import LanguageSource
    from trusteq.compress.original import Original
    from trusteq.compress.perturbed import Perturbing
    from trusteq.data.items import Items
    from trusteq.models.token_rows import TokenRows
    from trusteq.train.lessons import Parts

LONGEST = 256
"""Tokens of a text that are read."""

MOST = 2**24
"""Log-probabilities of one forward pass [tokens, vocabulary], or those of one text if these are more: 64 MiB."""


@dataclass
class OfTokens:
    """A language model as a pupil. read: the texts of the items that were read last, as tokens."""

    source: LanguageSource
    net: Any
    original: Original
    read: tuple[Items, TokenRows] | None = None

    def lessons(self, items: Items, positions: NDArray[np.int64], epoch: int) -> TextLessons:
        """The texts at these positions that have tokens."""
        if self.read is None or self.read[0] is not items:
            self.read = items, self._rows(items)
        rows = self.read[1]
        return TextLessons(self, token_rows([rows.row(i)[0] for i in positions if rows.lengths[i]]))

    def compared(self, dev: Items) -> tuple[float, float]:
        """The mean KL a token, and the share of tokens after which both find the same token likeliest."""
        import torch

        rows = self._rows(dev)
        divergence, equal = 0.0, 0
        with torch.inference_mode(), fast_products():
            for part in self._in_parts(rows, np.argsort(rows.lengths, kind="stable")):
                theirs, ours = (self._logits(model, rows, part) for model in (self.original.model.model, self.net))
                equal += int((theirs.argmax(dim=1) == ours.argmax(dim=1)).sum())
                theirs, ours = theirs.log_softmax(dim=1), ours.log_softmax(dim=1)
                divergence += float((theirs.exp() * (theirs - ours)).sum(dim=1).double().sum())
        return divergence / len(rows.ids), equal / len(rows.ids)

    def parts(self, rows: TokenRows, at: NDArray[np.int64]) -> Parts:
        """The rows ``at`` in parts whose answers are not too many, and the share of the tokens that each has."""
        total = int(rows.lengths[at].sum())
        return [(part, int(rows.lengths[part].sum()) / total) for part in self._in_parts(rows, at)]

    def ours(self, rows: TokenRows, at: NDArray[np.int64]) -> Any:
        """The pupil's logits [tokens, vocabulary]."""
        return self._logits(self.net, rows, at)

    def theirs(self, rows: TokenRows, at: NDArray[np.int64]) -> Any:
        """The original's log-probabilities [tokens, vocabulary]."""
        import torch

        with torch.no_grad(), fast_products():
            return self._logits(self.original.model.model, rows, at).log_softmax(dim=1)

    def _rows(self, items: Items) -> TokenRows:
        limit = min(limit for limit in (LONGEST, self.source.limit, self.original.model.limit) if limit)
        rows = self.source.encode(list(zip(*items.texts(), strict=True)))
        if not len(rows.ids):
            raise DataError(f"{items.source}: its texts have no tokens, and a language model learns from tokens")
        return token_rows([rows.row(i)[0][:limit] for i in range(len(rows))])

    def _in_parts(self, rows: TokenRows, at: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        vocabulary = self.net.get_output_embeddings().weight.shape[0]
        parts: list[list[int]] = []
        for row in at[rows.lengths[at] > 0].tolist():
            longest = int(rows.lengths[[*(parts[-1] if parts else ()), row]].max())
            if not parts or (len(parts[-1]) + 1) * longest * vocabulary > MOST:
                parts.append([])
            parts[-1].append(row)
        return [np.array(part, np.int64) for part in parts]

    def _logits(self, model: Any, rows: TokenRows, at: NDArray[np.int64]) -> Any:
        """A model's logits after every token of the rows [tokens, vocabulary]; padding is left out."""
        import torch

        # What stands behind a token does not matter to it, so any number will do as padding.
        padded = rows.padded(at, pad_id=0)
        ids, mask = (torch.from_numpy(padded[key]).to(model.device) for key in ("input_ids", "attention_mask"))
        with quiet_transformers(), offline():
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return logits[mask.bool()].float().to(self.net.device)


@dataclass(frozen=True)
class TextLessons:
    """The texts of an epoch as tokens."""

    pupil: OfTokens
    rows: TokenRows

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text [texts]."""
        return self.rows.lengths

    def parts(self, at: NDArray[np.int64]) -> Parts:
        """As many texts at once as memory allows."""
        return self.pupil.parts(self.rows, at)

    def logits(self, at: NDArray[np.int64]) -> Any:
        """The pupil's [tokens, vocabulary]."""
        return self.pupil.ours(self.rows, at)

    def targets(self, at: NDArray[np.int64]) -> tuple[Any, Any]:
        """The original's [tokens, vocabulary]."""
        return None, self.pupil.theirs(self.rows, at)


def pupil_of_language(source: LanguageSource, net: Any, original: Original, perturbing: Perturbing | None) -> OfTokens:
    """A language model as a pupil of its original."""
    if perturbing is not None:
        raise OptionError(f"perturb is for classifiers; {source.name} is a language model and learns from whole texts")
    return OfTokens(source, net, original)
