"""Rows of tokens, stored end to end: the output of a tokenizer for many texts, before any padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from trusteq.models.base import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class TokenRows:
    """Tokens of many rows.

    ids, types: token ids and segment ids of all rows, one after another [tokens].
    starts: where each row begins, and the end of the last [rows + 1].
    """

    ids: NDArray[np.int32]
    types: NDArray[np.int32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row [rows]."""
        return np.diff(self.starts)

    def row(self, i: int) -> tuple[list[int], list[int]]:
        """Ids and types of one row."""
        at = slice(self.starts[i], self.starts[i + 1])
        return self.ids[at].tolist(), self.types[at].tolist()

    def padded(
        self,
        at: NDArray[np.int64],
        *,
        pad_id: int,
        pad_type: int = 0,
        left: bool = False,
        length: int | None = None,
    ) -> dict[str, NDArray[np.int64]]:
        """The usual three inputs [rows, length] of the rows ``at``; by default as long as the longest row."""
        lengths = self.lengths[at]
        length = int(lengths.max(initial=0)) if length is None else length
        position = np.arange(length)
        if left:
            position = position - (length - lengths)[:, None]
            inside = position >= 0
        else:
            position = np.broadcast_to(position, (len(at), length))
            inside = position < lengths[:, None]
        source = np.where(inside, self.starts[at][:, None] + position, 0)
        # If all rows are empty there is no token to point at.
        ids, types = (x if len(x) else np.zeros(1, np.int32) for x in (self.ids, self.types))
        return {
            "input_ids": np.where(inside, ids[source], pad_id).astype(np.int64),
            "attention_mask": inside.astype(np.int64),
            "token_type_ids": np.where(inside, types[source], pad_type).astype(np.int64),
        }


def token_rows(ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None) -> TokenRows:
    """Rows from lists of ids and of types; types are 0 by default."""
    lengths = np.array([len(row) for row in ids], dtype=np.int64)
    flat = np.fromiter((token for row in ids for token in row), dtype=np.int32, count=int(lengths.sum()))
    kinds = np.zeros_like(flat)
    if types is not None:
        kinds = np.fromiter((kind for row in types for kind in row), dtype=np.int32, count=len(flat))
    return TokenRows(flat, kinds, np.concatenate([[0], np.cumsum(lengths)]))


def joined(parts: Sequence[TokenRows]) -> TokenRows:
    """The rows of all parts, in order."""
    starts = np.cumsum([0, *(len(part.ids) for part in parts)])
    return TokenRows(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.types for part in parts]),
        np.concatenate([*(part.starts[:-1] + s for part, s in zip(parts, starts, strict=False)), starts[-1:]]),
    )


@runtime_checkable
class TokenModel(Model, Protocol):
    """A model that accepts tokens and exposes its tokenizer, so that texts can be assembled from tokens."""

    def encode(self, texts: Sequence[tuple[str, ...]]) -> TokenRows:
        """The tokens of texts, each the segments of one row, exactly as `predict` makes them."""

    def answer(self, rows: TokenRows, *, alone: bool = False) -> NDArray[np.float64]:
        """Log-probabilities [rows, labels]; with ``alone``, rows are run one at a time."""

    def tokenizer_json(self) -> str | None:
        """Its tokenizer in the JSON format of the ``tokenizers`` library; None if it is not of that library."""

    @property
    def limit(self) -> int | None:
        """The most tokens a row may have."""

    @property
    def mask_token(self) -> str | None:
        """The text of its tokenizer's mask token."""
