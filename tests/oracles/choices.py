"""Answers to choices as plain loops over dictionaries: slow, and what definitions say."""

from __future__ import annotations

import math
from statistics import fmean


def softmax(scores):
    shifted = [math.exp(score - max(scores)) for score in scores]
    return [odds / math.fsum(shifted) for odds in shifted]


def rows(score, orders, minus_unconditional, asked, log_probabilities, unconditional):
    """[probability, raw, order effect] of each choice, for each item."""
    of_item = {}
    for question, after, before in zip(asked, log_probabilities, unconditional, strict=True):
        of_item.setdefault(question.item, {})[question.order] = (question, list(after), list(before))
    answers = []
    for item in sorted(of_item):
        by_order = of_item[item]
        counted = sorted(by_order) if orders == "cyclic" else [0]
        k = len(by_order[0][1])
        scores, raw = [], []
        for choice in range(k):
            each = []
            for order in counted:
                question, after, before = by_order[order]
                value = after[choice] - (before[choice] if minus_unconditional else 0)
                if score == "per_byte":
                    value /= len(question.continuations[choice].encode("utf-8"))
                each.append(value)
            scores.append(fmean(each))
            raw.append(fmean(math.exp(by_order[order][1][choice]) for order in counted))
        probabilities = softmax(scores)
        effects = [math.nan] * k
        if score == "letters":
            alone = [softmax(by_order[order][1]) for order in by_order]
            middle = [fmean(p[choice] for p in alone) for choice in range(k)]
            effects = [fmean(abs(p[choice] - middle[choice]) for p in alone) / 2 for choice in range(k)]
        answers.append([list(row) for row in zip(probabilities, raw, effects, strict=True)])
    return answers
