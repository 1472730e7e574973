"""The files that llama.cpp's ``llama-perplexity --kl-divergence-base FILE`` writes: one model's log-probabilities.

A text is cut into contexts of equal length. For the second half of each, the file has the probabilities of the whole
vocabulary as 16-bit steps above the lowest, which is at most 16 nats below the largest: whatever is less probable is
stored as the lowest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.items import Items
from trusteq.errors import DataError, OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = b"_logits_"
_HEADER = 20
STEPS = 2**16 - 1
RANGE = 16.0
"""What the steps span at most, in nats."""
TOKENS = "tokens"
"""The segment of the items: the ids of each context."""


@dataclass(frozen=True, eq=False)
class BaseFile:
    """The tokens of all contexts [contexts, length], and what is stored of the predicted ones.

    stored: 16-bit words [contexts, predicted, words], read from the file when they are needed: two float32, the size
    of a step and the lowest log-probability, then the steps of every token.
    """

    path: Path
    vocabulary: int
    tokens: NDArray[np.int32]
    stored: NDArray[np.uint16]

    @property
    def first(self) -> int:
        """The position in a context of the first token that is predicted."""
        return int(self.tokens.shape[1]) // 2 + 1

    @property
    def source(self) -> str:
        """The path, for messages."""
        return str(self.path)

    def log_probabilities(self, context: int, rows: slice) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Of every token at some predicted positions, and whether it is only known to be no more than that.

        Both [rows, vocabulary].
        """
        words = np.ascontiguousarray(self.stored[context, rows])
        stored = words[:, :4].view("<f4")
        finite = np.isfinite(stored).all(axis=1)
        step, lowest = np.where(finite, stored.T, 0).astype(np.float64)
        # The largest log-probability is not above 0, up to rounding.
        wrong = np.flatnonzero(~finite | (step < 0) | (lowest + STEPS * step > 1e-3))
        if wrong.size:
            found = stored[wrong[0]]
            raise DataError(
                f"{self.path}: context {context + 1}: step {found[0]:g} and lowest log-probability {found[1]:g} cannot "
                "be those of probabilities; the file is damaged or its model's values were not finite: write it again"
            )
        steps = words[:, 4 : 4 + self.vocabulary]
        return steps * step[:, None] + lowest[:, None], steps == 0

    def improbable_tokens(self) -> int:
        """How many tokens of the text are stored with the lowest log-probability, and may have any below it."""
        own = self.tokens[:, self.first :, None].astype(np.int64) + 4
        steps = (np.take_along_axis(of_context, at, axis=1) for of_context, at in zip(self.stored, own, strict=True))
        return sum(int((of_context == 0).sum()) for of_context in steps)

    def items(self, *, slices: Sequence[str] = (), cluster: str | None = None) -> Items:
        """The contexts as items."""
        if slices or cluster is not None:
            flag = "--slice" if slices else "--cluster"
            raise OptionError(f"{flag} has no effect: {self.path} has tokens only; remove it")
        ids = [str(i) for i in range(1, len(self.tokens) + 1)]
        return Items(ids=ids, segments={TOKENS: self.tokens}, source=str(self.path))


def recognises(path: Path) -> bool:
    """Whether the file starts as these do."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read(path: Path) -> BaseFile:
    """The file, of which only header and tokens are read at once."""
    size = path.stat().st_size
    if size < _HEADER:
        raise DataError(f"{path}: {size} bytes, fewer than the header's {_HEADER}; the file is truncated")
    header = np.fromfile(path, np.uint8, _HEADER)
    length, vocabulary, contexts = (int(value) for value in header[8:].view("<i4"))
    if length < 4 or vocabulary < 2 or contexts < 1:
        raise DataError(
            f"{path}: its header names {contexts:,} contexts of {length:,} tokens and a vocabulary of {vocabulary:,}; "
            "the file is damaged or its run was stopped: write it again"
        )
    predicted, words = length - 1 - length // 2, 2 * ((vocabulary + 1) // 2) + 4
    start = _HEADER + 4 * length * contexts
    expected = start + 2 * contexts * predicted * words
    if size != expected:
        raise DataError(
            f"{path}: {size:,} bytes, but {expected:,} for the {contexts:,} contexts of {length:,} tokens that its "
            "header names; the file is damaged or its run was stopped: write it again"
        )
    tokens = np.fromfile(path, "<i4", length * contexts, offset=_HEADER).reshape(contexts, length)
    if tokens.min() < 0 or tokens.max() >= vocabulary:
        raise DataError(f"{path}: has a token {tokens.max()} for a vocabulary of {vocabulary:,}; the file is damaged")
    stored = np.memmap(path, "<u2", "r", start, (contexts, predicted, words))
    return BaseFile(path, vocabulary, tokens.astype(np.int32), stored)
