"""Counts, p-values and the best condition from their definitions, by loops over items, words and pairs of words."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations


def fisher(hits, inside, positive, n):
    """The share of all ways to draw ``inside`` of n items that hold so many of the positive ones, or more."""
    ways = sum(
        math.comb(positive, k) * math.comb(n - positive, inside - k)
        for k in range(hits, min(inside, positive) + 1)
        if inside - k <= n - positive
    )
    return float(Fraction(ways, math.comb(n, inside)))


def log_likelihood(answers):
    """Of yes and no answers that are all drawn with their own share of yes."""
    if not answers:
        return 0.0
    share = sum(answers) / len(answers)
    return sum(math.log(share if answer else 1 - share) for answer in answers)


def explained(answers, match):
    """How much likelier two rates make the answers than one, in nats."""
    inside = [answer for answer, there in zip(answers, match, strict=True) if there]
    outside = [answer for answer, there in zip(answers, match, strict=True) if not there]
    return log_likelihood(inside) + log_likelihood(outside) - log_likelihood(answers)


def has_word(text, word):
    """Whether a text, whose words and signs are separated by spaces, has this word."""
    return word in text.lower().split(" ")


def best_by_score(features, answers, *, fewest, lift, evidence):
    """The best score of any term or pair of terms, and the condition; None where none is good enough."""
    table = features.table.toarray() > 0
    best = None
    singles = [(at,) for at in range(len(features.terms))]
    for chosen in [*singles, *combinations(range(len(features.terms)), 2)]:
        match = [all(row[at] for at in chosen) for row in table]
        hits = sum(answer and there for answer, there in zip(answers, match, strict=True))
        inside = sum(match)
        misses, outside = sum(answers) - hits, len(answers) - inside
        if hits < fewest or not outside or hits / inside < lift * misses / outside:
            continue
        score = explained(answers, match) - sum(features.cost[at] for at in chosen)
        if score > evidence and (best is None or score > best[0] + 1e-9):
            best = (score, chosen)
    return best
