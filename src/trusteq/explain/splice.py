"""Rows for perturbed texts, put together from the tokens of the whole text.

BERT's normalizer and pre-tokenizer look at one character at a time: some part the text (blanks, punctuation, Chinese
characters), and WordPiece spells what stands between them by itself. So where every unit begins and ends at a character
that parts, leaving it out brings nothing together that was parted before, and the tokens of the text without it are the
tokens of the whole text without its own. Which characters part is asked of the tokenizer itself. Any other tokenizer,
and any item for which this does not hold, goes through its text: slower, and always right.
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
"""What a tokenizer that adds no tokens of its own (GPT-2's, for one) is given where all words are left out."""


@dataclass(frozen=True)
class Splicer:
    """Makes the rows of perturbed texts for one model.

    tokenizer: a tokenizer of the ``tokenizers`` library that may be spliced; None where only the text path is right.
    replacement: what stands in place of a unit left out; None leaves nothing there.
    """

    model: TokenModel
    tokenizer: Any
    replacement: str | None = None
    _parting: dict[str, bool] = field(default_factory=dict, repr=False)

    def rows(self, units: TextUnits, masks: NDArray[np.bool_], check: int) -> TokenRows:
        """One row a mask [masks, units], the first of which keeps all.

        That one and the one at ``check`` are compared with the tokens of their texts.
        """
        if self.tokenizer is not None and self.replacement is None and self._stand_alone(units):
            some = self.model.encode(units.write_many(masks[[0, check]]))
            spliced = self._spliced(units, masks, typed=bool(some.types.any()))
            if spliced is not None and spliced.row(0) == some.row(0) and spliced.row(check) == some.row(1):
                return spliced
        return self._encoded(units.write_many(masks, self.replacement))

    def _encoded(self, texts: list[tuple[str, ...]]) -> TokenRows:
        """The tokens of the texts; where there is not one, which no model can read, those of a stand-in."""
        rows = self.model.encode(texts)
        for stand_in in STAND_INS:
            if rows.lengths.all():
                break
            texts = [(stand_in, *text[1:]) if n == 0 else text for text, n in zip(texts, rows.lengths, strict=True)]
            rows = self.model.encode(texts)
        return rows

    def _spliced(self, units: TextUnits, masks: NDArray[np.bool_], *, typed: bool) -> TokenRows | None:
        """The rows, or None where the whole text is too long; ``typed`` says whether the model reads segment ids."""
        whole = self.tokenizer.encode(*units.texts)
        if self.model.limit is not None and len(whole.ids) > self.model.limit:
            return None
        owner = self._owners(units, whole)
        # Column `len(units)` stands for tokens that belong to no unit and always stay.
        kept = np.concatenate([masks, np.ones((len(masks), 1), dtype=np.bool_)], axis=1)[:, owner]
        ids, types = (np.array(values, dtype=np.int32) for values in (whole.ids, whole.type_ids))
        return TokenRows(
            np.broadcast_to(ids, kept.shape)[kept],
            np.broadcast_to(types if typed else np.zeros_like(types), kept.shape)[kept],
            np.concatenate([[0], np.cumsum(kept.sum(axis=1))]),
        )

    def _owners(self, units: TextUnits, whole: Any) -> NDArray[np.int64]:
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

    def _stand_alone(self, units: TextUnits) -> bool:
        """Whether leaving units out, in any combination, joins nothing and parts nothing."""
        for text in units.texts:
            # What is left out goes with the blanks before it, and those must be blanks to the tokenizer too.
            if not all(self._parts(character) for character in set(text) if character.isspace()):
                return False
            if self._may_hold_added_token(text):
                return False
        for segment, start, end in units.spans.tolist():
            text = units.texts[segment]
            if end < len(text) and not self._parts(text[end]):
                return False
            if start and not self._parts(text[start - 1]) and not self._parts(text[start]):
                return False
        return True

    def _parts(self, character: str) -> bool:
        """Whether the tokenizer begins a new word before and after this character, whatever stands there."""
        if character not in self._parting:
            words = self._words(f"a{character}a")
            self._parting[character] = len(words) > 1 and words[0] == words[-1] == "a"
        return self._parting[character]

    def _words(self, text: str) -> list[str]:
        normal = self.tokenizer.normalizer.normalize_str(text)
        return [word for word, _ in self.tokenizer.pre_tokenizer.pre_tokenize_str(normal)]

    def _may_hold_added_token(self, text: str) -> bool:
        """Whether the text, or what is left of it, may hold a token that is looked for before words are parted.

        Leaving out can bring "[", "MASK" and "]" together, but never the letters of MASK: they must be there.
        """
        given, normalized = self._added
        if any(part in text for part in given):
            return True
        normal = self.tokenizer.normalizer.normalize_str(text) if normalized else ""
        return any(part in normal for part in normalized)

    @cached_property
    def _added(self) -> tuple[list[str], list[str]]:
        """The longest part without a mark of each added token: those sought in given and in normalized text."""
        given: list[str] = []
        normalized: list[str] = []
        for token in self.tokenizer.get_added_tokens_decoder().values():
            content = self.tokenizer.normalizer.normalize_str(token.content) if token.normalized else token.content
            parts = "".join("\n" if self._parts(c) else c for c in content).split("\n")
            (normalized if token.normalized else given).append(max(parts, key=len) or content[:1])
        return given, normalized


def by_tokens(
    model: TokenModel, asked: Iterable[tuple[Units, NDArray[np.bool_]]], perturb: str, *, alone: bool
) -> NDArray[np.float64] | None:
    """Log-probabilities [masks of all, labels] of items with units left out, each its units and masks [masks, units].

    None where a unit is not of texts, which alone have tokens.
    """
    replacement = None if perturb == REMOVE else perturb
    if perturb == MASK:
        replacement = model.mask_token
        if replacement is None:
            raise OptionError(f"model {model.name}: its tokenizer has no mask token; leave words out instead (remove)")
    make, rows = splicer(model, replacement), []
    for units, masks in asked:
        if not isinstance(units, TextUnits):
            return None
        # Any row but the first will do to check the splice; the middle one is as good as a random one.
        rows.append(make.rows(units, masks, len(masks) // 2))
    return model.answer(joined(rows), alone=alone)


def splicer(model: TokenModel, replacement: str | None = None) -> Splicer:
    """How this model's rows are made: spliced where its tokenizer is known to allow it."""
    written = model.tokenizer_json()
    return Splicer(model, None if written is None else _words_alone(written), replacement)


@lru_cache(maxsize=4)
def _words_alone(written: str) -> Tokenizer | None:
    """The tokenizer, neither padding nor cutting; None where it may not be asked for words one by one."""
    if not may_splice(json.loads(written)):
        return None
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(written)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def may_splice(tokenizer: dict[str, Any]) -> bool:
    """Whether a tokenizer cuts at blanks and marks and spells each word by itself: BERT's kind."""
    kinds = [(tokenizer.get(part) or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")]
    return kinds == ["BertNormalizer", "BertPreTokenizer", "WordPiece"]
