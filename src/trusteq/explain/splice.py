"""Rows for perturbed texts, put together from the tokens of the whole text.

Where a tokenizer cuts at blanks and marks before anything else, and spells each word by itself, the tokens of a text
with words left out are the tokens of the whole text with those words' tokens left out. That holds for BERT's
pre-tokenizer with WordPiece, as long as leaving a unit out does not join what stood on its two sides. Any other
tokenizer, and any item for which this does not hold, goes through its text: slower, and always right.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.models.token_rows import TokenRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.explain.units import Units
    from trusteq.models.token_rows import TokenModel


@dataclass(frozen=True)
class Splicer:
    """Makes the rows of perturbed texts for one model.

    tokenizer: a tokenizer of the ``tokenizers`` library that may be spliced; None where only the text path is right.
    replacement: what stands in place of a unit left out; None leaves nothing there.
    """

    model: TokenModel
    tokenizer: Any
    replacement: str | None = None

    def rows(self, units: Units, masks: NDArray[np.bool_], check: int) -> TokenRows:
        """One row a mask [masks, units], the first of which keeps all.

        That one and the one at ``check`` are compared with the tokens of their texts.
        """
        spliced = self._spliced(units, masks) if self.tokenizer is not None and self.replacement is None else None
        if spliced is not None:
            some = self.model.encode(units.render_many(masks[[0, check]]))
            if spliced.row(0) == some.row(0) and spliced.row(check) == some.row(1):
                return spliced
        return self.model.encode(units.render_many(masks, self.replacement))

    def _spliced(self, units: Units, masks: NDArray[np.bool_]) -> TokenRows | None:
        if not all(_stands_alone(units.texts[segment], end) for segment, _, end in units.spans.tolist()):
            return None
        whole = self.tokenizer.encode(*units.texts)
        if self.model.limit is not None and len(whole.ids) > self.model.limit:
            return None
        owner = self._owners(units, whole)
        # Column `len(units)` stands for tokens that belong to no unit and always stay.
        kept = np.concatenate([masks, np.ones((len(masks), 1), dtype=np.bool_)], axis=1)[:, owner]
        ids, types = (np.array(values, dtype=np.int32) for values in (whole.ids, whole.type_ids))
        return TokenRows(
            np.broadcast_to(ids, kept.shape)[kept],
            np.broadcast_to(types, kept.shape)[kept],
            np.concatenate([[0], np.cumsum(kept.sum(axis=1))]),
        )

    def _owners(self, units: Units, whole: Any) -> NDArray[np.int64]:
        """The unit each token belongs to, by where it begins in its segment; ``len(units)`` for none [tokens]."""
        owner = np.full(len(whole.ids), len(units), dtype=np.int64)
        segment = np.array([-1 if s is None else s for s in whole.sequence_ids])
        begin = np.array([offset[0] for offset in whole.offsets])
        for number in range(len(units.texts)):
            at = np.flatnonzero(segment == number)
            mine = np.flatnonzero(units.spans[:, 0] == number)
            if len(at) and len(mine):
                spans = units.spans[mine]
                found = np.searchsorted(spans[:, 1], begin[at], side="right") - 1
                inside = (found >= 0) & (begin[at] < spans[np.maximum(found, 0), 2])
                owner[at[inside]] = units.unit[mine[found[inside]]]
        return owner


def splicer(model: TokenModel, replacement: str | None = None) -> Splicer:
    """How this model's rows are made: spliced where its tokenizer is known to allow it."""
    written = model.tokenizer_json()
    if written is None or not may_splice(json.loads(written)):
        return Splicer(model, None, replacement)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(written)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return Splicer(model, tokenizer, replacement)


def may_splice(tokenizer: dict[str, Any]) -> bool:
    """Whether a tokenizer cuts at blanks and marks and spells each word by itself: BERT's kind."""
    kinds = [(tokenizer.get(part) or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")]
    return kinds == ["BertNormalizer", "BertPreTokenizer", "WordPiece"]


def _stands_alone(text: str, end: int) -> bool:
    """Whether what follows a unit begins a new word, however near what comes before is moved to it."""
    return end >= len(text) or text[end].isspace() or _is_mark(text[end])


def _is_mark(character: str) -> bool:
    """Whether BERT's pre-tokenizer makes a word of this character by itself: punctuation and Chinese characters."""
    code = ord(character)
    ascii_mark = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_mark or unicodedata.category(character).startswith("P") or 0x4E00 <= code <= 0x9FFF
