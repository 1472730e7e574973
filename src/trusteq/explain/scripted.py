r"""Inputs as the published scripts of arXiv 2508.13533 make them, flaws included, so that their numbers can be matched.

A pair is one string, "premise [SEP] hypothesis", parted again at "[SEP]" before the model is asked:

- LIME cuts the string at ``\W+``, so the separator's letters are a word like any other. Without them "[]" stays,
  nothing parts the string any more, and the model gets it all as premise, with an empty hypothesis.
- SHAP cuts it at blanks, so "[SEP]" is a token like any other. Neighbouring tokens left out become one "..." that
  sticks to the next word. Its tree joins neighbours by shap's rules (``partition_tree`` in shap/maskers/_text.py), and
  is opened where a model's answers move most, until 500 are asked (``PartitionExplainer.owen``). The last token is
  explained and then lost: the scripts loop over shap's ``Explanation``, which stops where its tree, one row shorter
  than the tokens, ends.

These are the scripts for natural-language inference; those for paraphrases are in `trusteq.explain.scripted_qqp`.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count, pairwise

import numpy as np
from numpy.typing import NDArray

from trusteq.explain.owen import Group
from trusteq.explain.words import TextUnits

SEPARATOR = "[SEP]"
DROPPED = frozenset({"", "[EMPTY]", "[SEP]", "[CLS]", "[PAD]", "<s>", "</s>"})
"""What the scripts take out of the lists of words; the "SEP" that LIME makes of "[SEP]" stays in."""

ELLIPSIS = "..."
BATCH = 5
"""shap opens groups of its tree until this many answers to texts are to be asked, and then asks."""

Game = Generator[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]
"""Asks for masks [masks, units], is sent values [masks, outputs], returns what each unit brings [units, outputs]."""

_CONNECTORS = ("but", "and", "or")
_ENDS = (".", "?", "!")


@dataclass(frozen=True, eq=False)
class LimeString(TextUnits):
    """Words of one string; what is left out leaves the blanks around it."""

    pair: bool = False

    def _write(self, kept: list[bool], replacement: str | None) -> tuple[str, ...]:
        (text,) = super()._write(kept, "")
        return parted(text) if self.pair else (text,)


@dataclass(frozen=True, eq=False)
class ShapString(TextUnits):
    """Tokens of one string; a run of them left out becomes one "..."."""

    pair: bool = False

    def _write(self, kept: list[bool], replacement: str | None) -> tuple[str, ...]:
        cuts = [*self.spans[:, 1].tolist(), int(self.spans[-1, 2])]
        text = collapsed([self.texts[0][start:end] for start, end in pairwise(cuts)], kept)
        return parted(text) if self.pair else (text,)


def collapsed(pieces: list[str], kept: list[bool]) -> str:
    """The text of the kept pieces as shap writes it: one "..." for neighbours left out, one blank for many."""
    written: list[str] = []
    for at, piece in enumerate(pieces):
        if kept[at]:
            written.append(piece)
        elif at == 0 or kept[at - 1]:
            written.append(f" {ELLIPSIS}")
    return re.sub(r"\s+", " ", "".join(written)).strip()


def lime_string(texts: tuple[str, ...]) -> LimeString:
    """The words of a text or a pair as the scripts give them to LIME; equal ones are one unit."""
    string = f" {SEPARATOR} ".join(texts)
    spans = [match.span() for match in re.finditer(r"\w+", string)]
    number: dict[str, int] = {}
    unit = [number.setdefault(string[start:end], len(number)) for start, end in spans]
    return LimeString((string,), _spans(spans), np.array(unit, dtype=np.int64), len(texts) > 1)


def shap_string(texts: tuple[str, ...]) -> ShapString:
    """The tokens of a text or a pair as the scripts give them to SHAP."""
    string = f" {SEPARATOR} ".join(texts)
    spans = [match.span() for match in re.finditer(r"\S+", string)]
    return ShapString((string,), _spans(spans), np.arange(len(spans)), len(texts) > 1)


def reached(units: TextUnits) -> tuple[str, ...]:
    """The tokens [units] as they enter the scripts' lists; "" for the last, before which their loop stops."""
    return (*units.names[:-1], "")


def _spans(found: list[tuple[int, int]]) -> NDArray[np.int64]:
    return np.array([(0, start, end) for start, end in found], dtype=np.int64).reshape(-1, 3)


def parted(text: str) -> tuple[str, str]:
    """The pair that the scripts read out of a string; without a separator all is the first and the second is empty."""
    for separator in (f" {SEPARATOR} ", SEPARATOR):
        if separator in text:
            first, second = text.split(separator, 1)
            return first.strip(), second.strip()
    return text, ""


def shap_tree(tokens: tuple[str, ...]) -> Group:
    """The tree that shap makes of these tokens: again and again the two neighbours that belong together most."""
    groups = [Group(i, i + 1, None) for i in range(len(tokens))]
    closed: set[int] = set()
    while len(groups) > 1:
        scores = [_belong(tokens, a, b, closed) for a, b in pairwise(groups)]
        at = int(np.argmax(scores))
        left, right = groups[at : at + 2]
        groups[at : at + 2] = [Group(left.start, right.end, (left, right))]
        if tokens[left.start] == "(" and tokens[right.end - 1] == ")":
            closed |= {left.start, right.end - 1}
    return groups[0]


def _belong(tokens: tuple[str, ...], a: Group, b: Group, closed: set[int]) -> float:
    """How much two neighbours belong together, by shap's rules for text."""
    first, last, following, final = tokens[a.start], tokens[a.end - 1], tokens[b.start], tokens[b.end - 1]
    many = b.end - b.start > 1
    score = -float(b.end - a.start)
    score += 20 * following.startswith("##")
    ending = b.end - b.start == 2 and tokens[b.start + 1] in ("t", "s")
    score += 15 * (following == "'" and (not many or ending))
    score += 15 * (last == "'" and following in ("t", "s"))
    # A control token such as [SEP] is joined last.
    score -= 1000 * ((first[:1] == "[" and first[-1:] == "]") != (final[:1] == "[" and final[-1:] == "]"))
    score -= 100 * (following == "(" and b.start not in closed)
    score -= 100 * (last == ")" and a.end - 1 not in closed)
    score -= 2 * (first == "(")
    score -= 2 * (last in _CONNECTORS or following in _CONNECTORS)
    score -= 10 * (last == ",")
    score -= (10 if many else 1) * (following == ",")
    score -= 20 * (last in _ENDS)
    score -= (20 if many else 1) * (following in _ENDS)
    return score


@dataclass(frozen=True, order=True)
class _Waiting:
    """A group that may be opened, in one context: the mask without it and the values [outputs] without and with it."""

    rank: float
    age: int
    group: Group = field(compare=False)
    mask: NDArray[np.bool_] = field(compare=False)
    low: NDArray[np.float64] = field(compare=False)
    high: NDArray[np.float64] = field(compare=False)
    weight: float = field(compare=False)


def shap_game(tree: Group, evaluations: int) -> Game:
    """Owen values as shap finds them within a budget: the group whose credit is largest is opened next.

    Of equal ones shap opens any, this the oldest. What stays closed is shared evenly among its units.
    """
    every = np.ones(tree.end, dtype=np.bool_)
    full, empty = yield np.stack([every, ~every])
    credit = np.zeros((tree.end, len(full)))
    age = count()
    waiting = [_Waiting(0.0, next(age), tree, ~every, empty, full, 1.0)]
    left = evaluations - 2
    while waiting:
        opened: list[tuple[_Waiting, Group, Group]] = []
        while waiting and 2 * len(opened) < min(BATCH, left):
            node = heappop(waiting)
            if node.group.parts is None:
                credit[node.group.start] += (node.high - node.low) * node.weight
            else:
                opened.append((node, *node.group.parts))
        if not opened:
            break
        values = yield np.array([_with(node.mask, part) for node, *parts in opened for part in parts])
        left -= len(values)
        for (node, a, b), (with_a, with_b) in zip(opened, values.reshape(len(opened), 2, -1), strict=True):
            for part, mask, low, high in (
                (a, node.mask, node.low, with_a),
                (b, node.mask, node.low, with_b),
                (a, _with(node.mask, b), with_b, node.high),
                (b, _with(node.mask, a), with_a, node.high),
            ):
                weight = node.weight / 2
                rank = -float(np.abs(high - low).max()) * weight
                heappush(waiting, _Waiting(rank, next(age), part, mask, low, high, weight))
    for node in waiting:
        size = node.group.end - node.group.start
        credit[node.group.start : node.group.end] += (node.high - node.low) * node.weight / size
    return credit


def _with(mask: NDArray[np.bool_], group: Group) -> NDArray[np.bool_]:
    """The mask that keeps the group, too."""
    grown = mask.copy()
    grown[group.start : group.end] = True
    return grown
