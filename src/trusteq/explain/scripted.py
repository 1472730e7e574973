r"""Inputs as in the published scripts of arXiv 2508.13533, including their flaws, so that their numbers can be matched.

A pair is one string, "premise [SEP] hypothesis", which is split at "[SEP]" before it is given to the model:

- LIME splits the string at ``\W+``, so the separator's letters are a word like any other. Without them, "[]" remains,
  the string is no longer split, and the model gets all of it as the premise, with an empty hypothesis.
- SHAP splits it at whitespace, so "[SEP]" is a token like any other. Adjacent removed tokens become one "..." that is
  attached to the next word. Its tree joins neighbours by shap's rules (``partition_tree`` in shap/maskers/_text.py),
  and is opened where a model's answers change most, until 500 are used (``PartitionExplainer.owen``). The last token
  is explained and then lost: the scripts loop over shap's ``Explanation``, which ends with its tree, one row shorter
  than the tokens.

These are the scripts for natural language inference; those for paraphrases are in `trusteq.explain.scripted_qqp`.
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
"""What the scripts drop from the lists of words; the "SEP" that LIME makes of "[SEP]" remains."""

ELLIPSIS = "..."
BATCH = 5
"""shap opens groups of its tree until it needs this many answers, and then runs the model."""

Game = Generator[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]
"""Yields masks [masks, units], is sent values [masks, outputs], and returns each unit's credit [units, outputs]."""

_CONNECTORS = ("but", "and", "or")
_ENDS = (".", "?", "!")


@dataclass(frozen=True, eq=False)
class LimeString(TextUnits):
    """Words of one string; the whitespace around removed words remains."""

    pair: bool = False

    def _write(self, kept: list[bool], replacement: str | None) -> tuple[str, ...]:
        (text,) = super()._write(kept, "")
        return split_pair(text) if self.pair else (text,)


@dataclass(frozen=True, eq=False)
class ShapString(TextUnits):
    """Tokens of one string; a run of removed tokens becomes one "..."."""

    pair: bool = False

    def _write(self, kept: list[bool], replacement: str | None) -> tuple[str, ...]:
        cuts = [*self.spans[:, 1].tolist(), int(self.spans[-1, 2])]
        text = collapse_gaps([self.texts[0][start:end] for start, end in pairwise(cuts)], kept)
        return split_pair(text) if self.pair else (text,)


def collapse_gaps(pieces: list[str], kept: list[bool]) -> str:
    """The text of the kept pieces as shap writes it: one "..." for adjacent removed pieces, one space for several."""
    written: list[str] = []
    for i, piece in enumerate(pieces):
        if kept[i]:
            written.append(piece)
        elif i == 0 or kept[i - 1]:
            written.append(f" {ELLIPSIS}")
    return re.sub(r"\s+", " ", "".join(written)).strip()


def lime_string(texts: tuple[str, ...]) -> LimeString:
    """The words of a text or a pair as the scripts pass them to LIME; equal words are one unit."""
    string = f" {SEPARATOR} ".join(texts)
    spans = [match.span() for match in re.finditer(r"\w+", string)]
    number: dict[str, int] = {}
    unit = [number.setdefault(string[start:end], len(number)) for start, end in spans]
    return LimeString((string,), _spans(spans), np.array(unit, dtype=np.int64), len(texts) > 1)


def shap_string(texts: tuple[str, ...]) -> ShapString:
    """The tokens of a text or a pair as the scripts pass them to SHAP."""
    string = f" {SEPARATOR} ".join(texts)
    spans = [match.span() for match in re.finditer(r"\S+", string)]
    return ShapString((string,), _spans(spans), np.arange(len(spans)), len(texts) > 1)


def listed_tokens(units: TextUnits) -> tuple[str, ...]:
    """The tokens [units] in the scripts' lists; "" for the last, before which their loop stops."""
    return (*units.names[:-1], "")


def _spans(matches: list[tuple[int, int]]) -> NDArray[np.int64]:
    return np.array([(0, start, end) for start, end in matches], dtype=np.int64).reshape(-1, 3)


def split_pair(text: str) -> tuple[str, str]:
    """The pair that the scripts read from a string; without a separator, all of it and an empty second text."""
    for separator in (f" {SEPARATOR} ", SEPARATOR):
        if separator in text:
            first, second = text.split(separator, 1)
            return first.strip(), second.strip()
    return text, ""


def shap_tree(tokens: tuple[str, ...]) -> Group:
    """The tree that shap builds from these tokens by repeatedly joining the two neighbours with the highest score."""
    groups = [Group(i, i + 1, None) for i in range(len(tokens))]
    closed: set[int] = set()
    while len(groups) > 1:
        scores = [_join_score(tokens, a, b, closed) for a, b in pairwise(groups)]
        best = int(np.argmax(scores))
        left, right = groups[best : best + 2]
        groups[best : best + 2] = [Group(left.start, right.end, (left, right))]
        if tokens[left.start] == "(" and tokens[right.end - 1] == ")":
            closed |= {left.start, right.end - 1}
    return groups[0]


def _join_score(tokens: tuple[str, ...], a: Group, b: Group, closed: set[int]) -> float:
    """The score for joining two neighbours, by shap's rules for text."""
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
class _Node:
    """A group that may be opened, in one context: the mask without it, and the values [outputs] without and with it."""

    rank: float
    age: int
    group: Group = field(compare=False)
    mask: NDArray[np.bool_] = field(compare=False)
    low: NDArray[np.float64] = field(compare=False)
    high: NDArray[np.float64] = field(compare=False)
    weight: float = field(compare=False)


def shap_game(tree: Group, evaluations: int) -> Game:
    """Owen values as computed by shap within a budget: the group with the largest credit is opened next.

    Of equal ones, shap opens any and this the oldest. The credit of closed groups is shared equally among their units.
    """
    all_units = np.ones(tree.end, dtype=np.bool_)
    full, empty = yield np.stack([all_units, ~all_units])
    credit = np.zeros((tree.end, len(full)))
    age = count()
    waiting = [_Node(0.0, next(age), tree, ~all_units, empty, full, 1.0)]
    remaining = evaluations - 2
    while waiting:
        opened: list[tuple[_Node, Group, Group]] = []
        while waiting and 2 * len(opened) < min(BATCH, remaining):
            node = heappop(waiting)
            if node.group.parts is None:
                credit[node.group.start] += (node.high - node.low) * node.weight
            else:
                opened.append((node, *node.group.parts))
        if not opened:
            break
        values = yield np.array([_with_group(node.mask, part) for node, *parts in opened for part in parts])
        remaining -= len(values)
        for (node, a, b), (with_a, with_b) in zip(opened, values.reshape(len(opened), 2, -1), strict=True):
            for part, mask, low, high in (
                (a, node.mask, node.low, with_a),
                (b, node.mask, node.low, with_b),
                (a, _with_group(node.mask, b), with_b, node.high),
                (b, _with_group(node.mask, a), with_a, node.high),
            ):
                weight = node.weight / 2
                rank = -float(np.abs(high - low).max()) * weight
                heappush(waiting, _Node(rank, next(age), part, mask, low, high, weight))
    for node in waiting:
        size = node.group.end - node.group.start
        credit[node.group.start : node.group.end] += (node.high - node.low) * node.weight / size
    return credit


def _with_group(mask: NDArray[np.bool_], group: Group) -> NDArray[np.bool_]:
    """The mask that also keeps the group."""
    larger = mask.copy()
    larger[group.start : group.end] = True
    return larger
