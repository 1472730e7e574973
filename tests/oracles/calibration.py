"""Calibration measures written as plain loops over items: slow, and obviously what their definitions say."""

from __future__ import annotations

import math

import numpy as np


def wide_bin(confidence):
    """The last of ten equal-width bins whose lower end k / 10 is not above the confidence."""
    return max(k for k in range(10) if k / 10 <= confidence)


def bin_between(confidence, edges):
    """The last bin whose lower edge is not above the confidence."""
    return max(k for k in range(len(edges) - 1) if edges[k] <= confidence)


def scripted_bin(confidences, bins=10):
    """The bin of a confidence in the quantile bins that the scripts published with arXiv 2508.13533 make of all.

    The edges are numpy's quantiles at 0, 1/10, ..., 1, each once. A bin is (a, b], the first one closed; where all
    confidences are the same they share one.
    """
    edges = sorted({float(edge) for edge in np.quantile(confidences, np.linspace(0, 1, bins + 1))})

    def bin_of(confidence):
        above = [k for k in range(1, len(edges)) if confidence <= edges[k]]
        return above[0] if above else 0

    return bin_of


def grouped(keys, confidence, right):
    """Items' (confidence, right) by key."""
    groups = {}
    for key, c, r in zip(keys, confidence, right, strict=True):
        groups.setdefault(key, []).append((float(c), float(r)))
    return groups


def gap(members):
    """Mean confidence less share right."""
    return sum(c for c, _ in members) / len(members) - sum(r for _, r in members) / len(members)


def ece(confidence, right, bin_of=wide_bin):
    groups = grouped([bin_of(c) for c in confidence], confidence, right)
    return sum(len(g) / len(confidence) * abs(gap(g)) for g in groups.values())


def mce(confidence, right, bin_of=wide_bin):
    return max(abs(gap(g)) for g in grouped([bin_of(c) for c in confidence], confidence, right).values())


def squared_debiased(confidence, right, bin_of):
    """Sum over bins of n_b / n (gap^2 - a (1 - a) / (n_b - 1)); bins of one item count nothing."""
    total = 0.0
    for members in grouped([bin_of(c) for c in confidence], confidence, right).values():
        n = len(members)
        if n > 1:
            share = sum(r for _, r in members) / n
            total += n / len(confidence) * (gap(members) ** 2 - share * (1 - share) / (n - 1))
    return total


def top_label_ece(probabilities, gold):
    """ECE inside the items of each answer, weighted by their number."""
    by_answer = {}
    for row, g in zip(probabilities, gold, strict=True):
        row = list(row)
        answer = row.index(max(row))
        by_answer.setdefault(answer, []).append((row[answer], answer == g))
    return sum(len(items) / len(gold) * ece(*zip(*items, strict=True)) for items in by_answer.values())


def classwise_ece(probabilities, gold):
    """The mean over labels of the ECE of "the answer is this label"."""
    labels = len(probabilities[0])
    return sum(ece([row[k] for row in probabilities], [g == k for g in gold]) for k in range(labels)) / labels


def smooth_ece_at(confidence, right, width, points=4000):
    """The integral over t of |mean of residual_i K(t, confidence_i)|, K a Gaussian reflected at 0 and 1."""
    copies = range(-math.ceil(6 * width) - 1, math.ceil(6 * width) + 2)
    images = [
        (image, (float(c) - float(r)) / len(confidence))
        for c, r in zip(confidence, right, strict=True)
        for m in copies
        for image in (2 * m + float(c), 2 * m - float(c))
    ]
    total = 0.0
    for k in range(points):
        t = (k + 0.5) / points
        total += abs(sum(w * math.exp(-(((t - at) / width) ** 2) / 2) for at, w in images if abs(t - at) < 8 * width))
    return total / points / (width * math.sqrt(2 * math.pi))


def pool_adjacent_violators(values, weights):
    """The nearest rising sequence: neighbours in the wrong order are averaged until none is left."""
    blocks = []
    for v, w in zip(values, weights, strict=True):
        blocks.append([v, w, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            v2, w2, n2 = blocks.pop()
            v1, w1, n1 = blocks.pop()
            blocks.append([(v1 * w1 + v2 * w2) / (w1 + w2), w1 + w2, n1 + n2])
    return [v for v, _, n in blocks for _ in range(n)]


def corp(confidence, right):
    """Miscalibration, discrimination, uncertainty of the mean squared error."""
    levels = sorted({float(c) for c in confidence})
    members = {c: [float(r) for x, r in zip(confidence, right, strict=True) if x == c] for c in levels}
    fitted = pool_adjacent_violators(
        [sum(members[c]) / len(members[c]) for c in levels], [len(members[c]) for c in levels]
    )
    recalibrated = dict(zip(levels, fitted, strict=True))
    n = len(confidence)
    base = sum(float(r) for r in right) / n

    def score(forecast):
        return sum((forecast(float(c)) - float(r)) ** 2 for c, r in zip(confidence, right, strict=True)) / n

    best = score(lambda c: recalibrated[c])
    return score(lambda c: c) - best, score(lambda c: base) - best, score(lambda c: base)


def aurc(confidence, right):
    """The mean over items of the share of wrong answers among the items at least as confident."""
    total = 0.0
    for c in confidence:
        kept = [r for x, r in zip(confidence, right, strict=True) if x >= c]
        total += sum(not r for r in kept) / len(kept)
    return total / len(confidence)


def usable(confidence, right, target):
    """The largest share of items, cut at a confidence, of which at least ``target`` are right."""
    best = 0.0
    for c in confidence:
        kept = [bool(r) for x, r in zip(confidence, right, strict=True) if x >= c]
        if sum(kept) / len(kept) >= target - 1e-12:
            best = max(best, len(kept) / len(confidence))
    return best


def wasserstein(a, b):
    """The mean distance of sorted values, for two samples of equal number."""
    return sum(abs(x - y) for x, y in zip(sorted(a), sorted(b), strict=True)) / len(a)
