"""Texts cut into chunks of tokens that fit a model's context, each with the bytes of text that its tokens add.

Chunks do not overlap, and each is read without what precedes it. The first token of a chunk is not predicted, because
nothing precedes it, unless the tokenizer puts a token at the beginning of every text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CONTEXT = 1024
"""The longest chunk in tokens, also of models that could read more: attention to more takes longer than it tells."""


@dataclass(frozen=True)
class Chunk:
    """What a model reads at once: ids [length], and the bytes that each but the first adds to the text [length - 1].

    document: the position of the text.
    """

    document: int
    ids: NDArray[np.int64]
    length: NDArray[np.int64]


def chunks(texts: Sequence[str], tokenizer: Any, context: int, *, name: str) -> list[Chunk]:
    """The chunks of all texts, in their order; those with nothing to predict are left out."""
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"model {name}: its tokenizer does not say which part of a text a token stands for (it has no "
            "tokenizer.json), so bytes cannot be counted; save it with a fast tokenizer"
        )
    if not texts:
        return []
    encoded = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    begin = first_of_every_text(tokenizer)
    size = context - len(begin)
    found = []
    for document, (text, ids, offsets) in enumerate(
        zip(texts, encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ):
        lengths = added_bytes(text, offsets)
        for start in range(0, len(ids), size):
            own = np.array([*begin, *ids[start : start + size]], dtype=np.int64)
            if len(own) > 1:
                found.append(Chunk(document, own, lengths[start + 1 - len(begin) : start + size]))
    return found


def first_of_every_text(tokenizer: Any) -> list[int]:
    """The id of the token that the tokenizer puts at the beginning of every text; empty if it does not."""
    plain, usual = (tokenizer("a", add_special_tokens=special)["input_ids"] for special in (False, True))
    first: list[int] = usual[:1]
    return first if first == [tokenizer.bos_token_id] and plain[:1] != first else []


def added_bytes(text: str, offsets: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """How many bytes of the text each token adds [tokens], so that all together add the whole text.

    offsets: where each token starts and ends, in characters. The tokens of a character that has several add its bytes
    with the last of them; characters that belong to no token are added by the one that follows, or by the last.
    """
    until = np.zeros(len(text) + 1, dtype=np.int64)
    np.cumsum([len(character.encode("utf-8", "surrogatepass")) for character in text], out=until[1:])
    ends = np.array([end for _, end in offsets], dtype=np.int64)
    starts = np.array([start for start, _ in offsets], dtype=np.int64)
    # A token of a part of a character ends with it; only the last such token completes it.
    complete = np.where(np.append(starts[1:], len(text)) < ends, np.append(starts[1:], len(text)), ends)
    reached = np.maximum.accumulate(np.append(complete[:-1], len(text))) if len(ends) else ends
    return np.diff(until[reached], prepend=0)
