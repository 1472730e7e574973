r"""Inputs as in the published paraphrase (QQP) scripts of arXiv 2508.13533, including their flaws.

A pair is one string, both questions with two spaces between them, which is split at the *first* two spaces before it is
given to the model. Neither explainer preserves these two spaces:

- LIME removes a word and keeps the spaces around it. This makes two spaces, usually before the original ones, so the
  pair is split there. 100 samples; only words whose weight supports the gold class are kept.
- SHAP's masker collapses spaces, so all of the string is the first question and the second is empty, even with nothing
  removed. Its pattern matches tokens but is used as their separator: a token is written together with the spaces before
  it, and the last token is never written. Values come from walks along random orders of the tokens, forwards and
  backwards: as many as fit in 100 evaluations, one for 25 tokens or more (``PermutationExplainer``). Groups of shap's
  tree of tokens stay together. The scripts' seeds do not affect these orders, because numba draws them: each model has
  its own.

The two probabilities sum to 1, so a word against one label is a word for the other: it does not matter which label is
called 1.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from trusteq.explain.plan import distinct
from trusteq.explain.scripted import LimeString, collapse_gaps, lime_string, shap_tree
from trusteq.explain.shapley import shapley_from_permutations
from trusteq.explain.words import TextUnits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.explain.owen import Group
    from trusteq.explain.scripted import Game

SEPARATOR = "  "
SAMPLES = 100
EVALUATIONS = 100
DROPPED = frozenset({"", "[EMPTY]"})
"""What the scripts drop from the lists of words; SHAP's last token is ""."""


class LimePair(LimeString):
    """Words of a pair; the spaces around removed words remain, and the pair is split at them."""

    def _write(self, kept: list[bool], replacement: str | None) -> tuple[str, ...]:
        return split_pair(*super()._write(kept, replacement))


class ShapPair(TextUnits):
    """Tokens of a pair; a run of removed tokens becomes one "...", and several spaces become one."""

    @property
    def names(self) -> tuple[str, ...]:
        """The tokens [units]; "" for the last, which is never written."""
        return (*super().names[:-1], "")

    def _write(self, kept: list[bool], replacement: str | None) -> tuple[str, ...]:
        return split_pair(collapse_gaps(pieces(self), kept))


def pieces(units: TextUnits) -> list[str]:
    """The text written for each token [units]: the spaces before it and itself; for the last, only the spaces."""
    cuts = [0, *units.spans[:-1, 2].tolist(), int(units.spans[-1, 1])]
    return [units.texts[0][start:end] for start, end in pairwise(cuts)]


def lime_pair(texts: tuple[str, ...]) -> LimePair:
    """The words of a pair as the scripts pass them to LIME; equal words are one unit."""
    string = lime_string((_joined(texts),))
    return LimePair(string.texts, string.spans, string.unit)


def shap_pair(texts: tuple[str, ...]) -> ShapPair:
    """The tokens of a pair as the scripts pass them to SHAP."""
    text = _joined(texts)
    spans = [(0, *match.span()) for match in re.finditer(r"\w+|[^\w\s]", text)]
    return ShapPair((text,), np.array(spans, dtype=np.int64).reshape(-1, 3), np.arange(len(spans)))


def _joined(texts: tuple[str, ...]) -> str:
    return SEPARATOR.join(text.strip() for text in texts)


def split_pair(text: str) -> tuple[str, str]:
    """The pair that the scripts read from a string; without two spaces, all of it and an empty second text."""
    first, _, second = text.partition(SEPARATOR)
    return first.strip(), second.strip()


def walk_game(units: TextUnits, evaluations: int, seed: int) -> Game:
    """Shapley values from the mean gain along random orders, each walked forwards and backwards."""
    rng = np.random.default_rng(seed)
    tree = pair_tree(pieces(units))
    orders = [shuffled(tree, rng) for _ in range(max(evaluations // (2 * len(units) + 1), 1))]
    walks = walk_masks(np.array(orders))
    masks, position = distinct(walks.reshape(-1, len(units)))
    values = yield masks
    return shapley_from_permutations(walks, values[position].reshape(*walks.shape[:3], -1))


def pair_tree(written: list[str]) -> Group:
    """The tree that shap builds from the texts written for the tokens."""
    tokens = [piece.strip() for piece in written]
    # shap treats a letter as the rest of a word unless a space or a sign precedes it on the same line.
    for i, (before, piece) in enumerate(pairwise(written), 1):
        if re.match("[A-Za-z]", piece) and not re.match(r".*\W$", before):
            tokens[i] = f"##{tokens[i]}"
    return shap_tree(tuple(tokens))


def shuffled(tree: Group, rng: np.random.Generator) -> list[int]:
    """The tree's units in a random order that keeps every group together."""
    order, todo = [], [tree]
    while todo:
        group = todo.pop()
        if group.parts is None:
            order.append(group.start)
        else:
            todo += group.parts[::-1] if rng.standard_normal() < 0 else group.parts
    return order


def walk_masks(orders: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Masks [orders, 2, units + 1, units] from no units to all, in these orders [orders, units] and reversed."""
    rank = orders.argsort(axis=1)[:, None]
    steps = np.arange(orders.shape[1] + 1)[:, None]
    return np.stack([rank < steps, rank >= steps[::-1]], axis=1)


def supporting(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """The units that support the explained label, the strongest first."""
    ranked = np.argsort(-weights, kind="stable")
    return ranked[weights[ranked] > 0]


def signed(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """All units by their signed weight, rounded to 4 decimals, the largest first."""
    return np.argsort([-round(float(weight), 4) for weight in weights], kind="stable")
