r"""Inputs as the published paraphrase (QQP) scripts of arXiv 2508.13533 make them, flaws included.

A pair is one string, both questions with two blanks between, parted again at the *first* two blanks before the model is
asked. Neither explainer leaves those two alone:

- LIME leaves out a word and keeps the blanks around it. They are two blanks then, mostly before the true ones, so the
  pair is parted there. 100 samples; only words whose weight supports the gold class are kept.
- SHAP's masker makes one blank of many, so all is the first question and the second is empty, even with nothing left
  out. Its pattern matches tokens, and is taken for what parts them: a token is written together with the blanks before
  it, and the last is never written. Values come from walks along random orders of the tokens, forth and back: as many
  as 100 evaluations hold, one from 25 tokens on (``PermutationExplainer``). Groups of shap's tree of tokens stay
  together. The scripts' seeds do not reach these orders, for numba draws them: each model walks in its own.

The two probabilities add up to 1, so a word against the one label is a word for the other: it is the same whichever
label is called 1.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from trusteq.explain.plan import distinct
from trusteq.explain.scripted import LimeString, collapsed, lime_string, shap_tree
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
"""What the scripts take out of the lists of words; SHAP's last token is ""."""


class LimePair(LimeString):
    """Words of a pair; what is left out leaves the blanks around it, and these part the pair."""

    def _write(self, kept: list[bool], replacement: str | None) -> tuple[str, ...]:
        return parted(*super()._write(kept, replacement))


class ShapPair(TextUnits):
    """Tokens of a pair; a run of them left out becomes one "...", and all blanks become one."""

    @property
    def names(self) -> tuple[str, ...]:
        """The tokens [units]; "" for the last, which is never written."""
        return (*super().names[:-1], "")

    def _write(self, kept: list[bool], replacement: str | None) -> tuple[str, ...]:
        return parted(collapsed(pieces(self), kept))


def pieces(units: TextUnits) -> list[str]:
    """What is written for each token [units]: the blanks before it and itself; for the last the blanks alone."""
    cuts = [0, *units.spans[:-1, 2].tolist(), int(units.spans[-1, 1])]
    return [units.texts[0][start:end] for start, end in pairwise(cuts)]


def lime_pair(texts: tuple[str, ...]) -> LimePair:
    """The words of a pair as the scripts give them to LIME; equal ones are one unit."""
    whole = lime_string((_joined(texts),))
    return LimePair(whole.texts, whole.spans, whole.unit)


def shap_pair(texts: tuple[str, ...]) -> ShapPair:
    """The tokens of a pair as the scripts give them to SHAP."""
    text = _joined(texts)
    spans = [(0, *match.span()) for match in re.finditer(r"\w+|[^\w\s]", text)]
    return ShapPair((text,), np.array(spans, dtype=np.int64).reshape(-1, 3), np.arange(len(spans)))


def _joined(texts: tuple[str, ...]) -> str:
    return SEPARATOR.join(text.strip() for text in texts)


def parted(text: str) -> tuple[str, str]:
    """The pair that the scripts read out of a string; without two blanks all is the first and the second is empty."""
    first, _, second = text.partition(SEPARATOR)
    return first.strip(), second.strip()


def walk_game(units: TextUnits, evaluations: int, seed: int) -> Game:
    """Shapley values from the mean gain along random orders, each walked forth and back."""
    rng = np.random.default_rng(seed)
    tree = pair_tree(pieces(units))
    orders = [shuffled(tree, rng) for _ in range(max(evaluations // (2 * len(units) + 1), 1))]
    walks = walk_masks(np.array(orders))
    masks, place = distinct(walks.reshape(-1, len(units)))
    values = yield masks
    return shapley_from_permutations(walks, values[place].reshape(*walks.shape[:3], -1))


def pair_tree(written: list[str]) -> Group:
    """The tree that shap makes of what is written for each token."""
    tokens = [piece.strip() for piece in written]
    # shap takes a letter for the rest of a word unless a blank or a sign precedes it on the same line.
    for at, (before, piece) in enumerate(pairwise(written), 1):
        if re.match("[A-Za-z]", piece) and not re.match(r".*\W$", before):
            tokens[at] = f"##{tokens[at]}"
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
    """Masks [orders, 2, units + 1, units] on the way from none to all, in these orders [orders, units] and reversed."""
    place = orders.argsort(axis=1)[:, None]
    steps = np.arange(orders.shape[1] + 1)[:, None]
    return np.stack([place < steps, place >= steps[::-1]], axis=1)


def supporting(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """The units that speak for the explained label, the strongest first."""
    ranked = np.argsort(-weights, kind="stable")
    return ranked[weights[ranked] > 0]


def signed(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """All units by their signed weight, rounded to 4 decimals, the largest first."""
    return np.argsort([-round(float(weight), 4) for weight in weights], kind="stable")
