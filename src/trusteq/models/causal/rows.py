"""Rows: what a model is run on so as to know the log-probabilities of continuations.

A row holds a prompt and, after it, all its continuations as a tree: a token sees the prompt and its own ancestors, and
has the position that it would have if its continuation stood alone. So a prompt is read once, however many
continuations it has, and what continuations begin with in common is read once as well. The last token of a
continuation is only predicted, never read: continuations of one token add nothing to the prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.models.causal.tokenized import Prompt, Tokens


@dataclass(frozen=True)
class Row:
    """Tokens to be read in one row, and what is to be predicted from them.

    prompt: the tokens of the prompt. branches: those of continuations that are read after it. parents: the branch
    token before each of them [branches]; -1 is the prompt's last token. targets: for each continuation, the number in
    ``owners``, pairs of the branch token (or -1) at which a token is predicted, and that token.
    """

    prompt: Tokens
    branches: Tokens
    parents: tuple[int, ...]
    owners: tuple[int, ...]
    targets: tuple[tuple[tuple[int, int], ...], ...]

    @cached_property
    def tokens(self) -> Tokens:
        """All tokens to be read, in order."""
        return self.prompt + self.branches

    @property
    def is_chain(self) -> bool:
        """Whether it reads like an ordinary text: each token sees all tokens before it."""
        return self.parents == tuple(range(-1, len(self.branches) - 1))

    @cached_property
    def predicting(self) -> list[int]:
        """The positions in the row from which something is predicted, in order."""
        return sorted({len(self.prompt) + at for pairs in self.targets for at, _ in pairs})

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """The position of each token in its text [tokens]."""
        at = list(range(len(self.prompt)))
        for parent in self.parents:
            at.append(at[len(self.prompt) + parent] + 1)
        return np.array(at, dtype=np.int64)

    def visible(self) -> NDArray[np.bool_]:
        """Which branch tokens each branch token sees: its ancestors and itself [branches, branches]."""
        seen = np.eye(len(self.branches), dtype=np.bool_)
        for at, parent in enumerate(self.parents):
            if parent >= 0:
                seen[at] |= seen[parent]
        return seen


def tree(prompt: Prompt) -> Row:
    """One row with all continuations of the prompt."""
    return _row(prompt, range(len(prompt.continuations)))


def chains(prompt: Prompt) -> list[Row]:
    """Rows without branches, for models that cannot read a tree: those of continuations of one token are one row."""
    by_tokens: dict[Tokens, list[int]] = {}
    for number, continuation in enumerate(prompt.continuations):
        by_tokens.setdefault(continuation[:-1], []).append(number)
    return [_row(prompt, numbers) for numbers in by_tokens.values()]


def _row(prompt: Prompt, numbers: Sequence[int]) -> Row:
    """One row with these continuations of the prompt."""
    branches: dict[tuple[int, int], int] = {}
    targets = []
    for number in numbers:
        *read, last = prompt.continuations[number]
        at, pairs = -1, []
        for token in read:
            pairs.append((at, token))
            at = branches.setdefault((at, token), len(branches))
        targets.append((*pairs, (at, last)))
    return Row(
        prompt.tokens,
        tuple(token for _, token in branches),
        tuple(parent for parent, _ in branches),
        tuple(numbers),
        tuple(targets),
    )
