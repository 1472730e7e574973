"""Token rows for changed texts, built from the tokens of the complete text.

BERT's normalizer and pre-tokenizer look at one character at a time: some characters separate words (whitespace,
punctuation, Chinese characters), and WordPiece tokenizes each word on its own. So if every unit begins and ends at a
separating character, removing it joins nothing, and the tokens of the text without it are the tokens of the complete
text without its own. The tokenizer itself decides which characters separate. Any other tokenizer, and any item for
which this does not hold, is tokenized from the changed text: slower, but always correct.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import OptionError
from trusteq.explain.words import MASK, REMOVE, TextUnits
from trusteq.models.token_rows import TokenRows, joined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from trusteq.explain.units import Units
    from trusteq.models.token_rows import TokenModel

STAND_INS = (" ", ".")
"""Texts for tokenizers that add no special tokens (such as GPT-2's) if all units are left out."""


@dataclass(frozen=True)
class Splicer:
    """Builds the token rows of changed texts for one model.

    tokenizer: of the ``tokenizers`` library, if its tokens can be spliced; None if texts must be tokenized.
    replacement: the text in place of a removed unit; None for no text.
    """

    model: TokenModel
    tokenizer: Any
    replacement: str | None = None
    _separating: dict[str, bool] = field(default_factory=dict, repr=False)

    def rows(self, units: TextUnits, masks: NDArray[np.bool_], check: int) -> TokenRows:
        """One row per mask [masks, units], the first of which keeps all units.

        The first row and the one at ``check`` are compared with the tokens of their texts.
        """
        if self.tokenizer is not None and self.replacement is None and self._are_separable(units):
            expected = self.model.encode(units.write_many(masks[[0, check]]))
            spliced = self._spliced(units, masks, typed=bool(expected.types.any()))
            if spliced is not None and spliced.row(0) == expected.row(0) and spliced.row(check) == expected.row(1):
                return spliced
        return self._encoded(units.write_many(masks, self.replacement))

    def _encoded(self, texts: list[tuple[str, ...]]) -> TokenRows:
        """The tokens of the texts; for a text without tokens, which no model can read, those of a stand-in."""
        rows = self.model.encode(texts)
        for stand_in in STAND_INS:
            if rows.lengths.all():
                break
            texts = [(stand_in, *text[1:]) if n == 0 else text for text, n in zip(texts, rows.lengths, strict=True)]
            rows = self.model.encode(texts)
        return rows

    def _spliced(self, units: TextUnits, masks: NDArray[np.bool_], *, typed: bool) -> TokenRows | None:
        """The rows, or None if the complete text is too long; ``typed``: whether the model reads segment ids."""
        complete = self.tokenizer.encode(*units.texts)
        if self.model.limit is not None and len(complete.ids) > self.model.limit:
            return None
        owner = self._owners(units, complete)
        # Column `len(units)` is for tokens that belong to no unit and always remain.
        kept = np.concatenate([masks, np.ones((len(masks), 1), dtype=np.bool_)], axis=1)[:, owner]
        ids, types = (np.array(values, dtype=np.int32) for values in (complete.ids, complete.type_ids))
        return TokenRows(
            np.broadcast_to(ids, kept.shape)[kept],
            np.broadcast_to(types if typed else np.zeros_like(types), kept.shape)[kept],
            np.concatenate([[0], np.cumsum(kept.sum(axis=1))]),
        )

    def _owners(self, units: TextUnits, complete: Any) -> NDArray[np.int64]:
        """The unit of each token, by its start in its segment; ``len(units)`` for none [tokens]."""
        owner = np.full(len(complete.ids), len(units), dtype=np.int64)
        segment = np.array([-1 if s is None else s for s in complete.sequence_ids])
        begin = np.array([offset[0] for offset in complete.offsets])
        for number in range(len(units.texts)):
            at = np.flatnonzero(segment == number)
            rows = np.flatnonzero(units.spans[:, 0] == number)
            if len(at) and len(rows):
                spans = units.spans[rows]
                before = np.searchsorted(spans[:, 1], begin[at], side="right") - 1
                inside = (before >= 0) & (begin[at] < spans[np.maximum(before, 0), 2])
                owner[at[inside]] = units.unit[rows[before[inside]]]
        return owner

    def _are_separable(self, units: TextUnits) -> bool:
        """Whether removing units, in any combination, neither joins nor splits words."""
        for text in units.texts:
            # A removed unit takes the whitespace before it along, which must be whitespace to the tokenizer too.
            if not all(self._separates(character) for character in set(text) if character.isspace()):
                return False
            if self._may_contain_added_token(text):
                return False
        for segment, start, end in units.spans.tolist():
            text = units.texts[segment]
            if end < len(text) and not self._separates(text[end]):
                return False
            if start and not self._separates(text[start - 1]) and not self._separates(text[start]):
                return False
        return True

    def _separates(self, character: str) -> bool:
        """Whether the tokenizer starts a new word before and after this character in any text."""
        if character not in self._separating:
            words = self._words(f"a{character}a")
            self._separating[character] = len(words) > 1 and words[0] == words[-1] == "a"
        return self._separating[character]

    def _words(self, text: str) -> list[str]:
        normal = self.tokenizer.normalizer.normalize_str(text)
        return [word for word, _ in self.tokenizer.pre_tokenizer.pre_tokenize_str(normal)]

    def _may_contain_added_token(self, text: str) -> bool:
        """Whether the text, or a part of it, may contain an added token, which is matched before the text is split.

        Removing units can join "[", "MASK" and "]", but never the letters of MASK, which must be in the text.
        """
        raw, normalized = self._added
        if any(part in text for part in raw):
            return True
        normal = self.tokenizer.normalizer.normalize_str(text) if normalized else ""
        return any(part in normal for part in normalized)

    @cached_property
    def _added(self) -> tuple[list[str], list[str]]:
        """The longest part of each added token without separators: of tokens matched in raw and in normalized text."""
        raw: list[str] = []
        normalized: list[str] = []
        for token in self.tokenizer.get_added_tokens_decoder().values():
            content = self.tokenizer.normalizer.normalize_str(token.content) if token.normalized else token.content
            parts = "".join("\n" if self._separates(c) else c for c in content).split("\n")
            (normalized if token.normalized else raw).append(max(parts, key=len) or content[:1])
        return raw, normalized


def by_tokens(
    model: TokenModel, questions: Iterable[tuple[Units, NDArray[np.bool_]]], perturb: str, *, alone: bool
) -> NDArray[np.float64] | None:
    """Log-probabilities [masks of all, labels] of changed items, given as units and masks [masks, units].

    None if units are not of texts, because only texts have tokens.
    """
    replacement = None if perturb == REMOVE else perturb
    if perturb == MASK:
        replacement = model.mask_token
        if replacement is None:
            raise OptionError(f"model {model.name}: its tokenizer has no mask token; use remove instead")
    splicing, rows = splicer(model, replacement), []
    for units, masks in questions:
        if not isinstance(units, TextUnits):
            return None
        # Any row but the first can check the splicing; the middle one is as good as a random one.
        rows.append(splicing.rows(units, masks, len(masks) // 2))
    return model.answer(joined(rows), alone=alone)


def splicer(model: TokenModel, replacement: str | None = None) -> Splicer:
    """The splicer of a model; it has a tokenizer only if that is known to allow splicing."""
    content = model.tokenizer_json()
    return Splicer(model, None if content is None else _splicing_tokenizer(content), replacement)


@lru_cache(maxsize=4)
def _splicing_tokenizer(content: str) -> Tokenizer | None:
    """The tokenizer without padding and truncation; None if its tokens cannot be spliced."""
    if not may_splice(json.loads(content)):
        return None
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(content)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def may_splice(tokenizer: dict[str, Any]) -> bool:
    """Whether a tokenizer splits at whitespace and punctuation and tokenizes each word on its own, like BERT's."""
    kinds = [(tokenizer.get(part) or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")]
    return kinds == ["BertNormalizer", "BertPreTokenizer", "WordPiece"]
